"""A recording for the instruments that go back to a step of a run (`core.analysis.general`)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.analysis.general import Met
from core.errors import InputError
from core.optimizers.tensorwise import ProblemRun
from core.training_loop.recording import Recording
from core.training_loop.replay import replay


def recorded_run(recording: Recording, keep: Sequence[int], group: int = 0) -> Met:
    """The first steps of a recording, which are all there, as a run whose steps the instruments can go back to.

    Its inner parameters are the recorded components of one parameter group. So `kernel_along` is what later updates owe to an earlier
    gradient in open loop, and `decay_along` the weight decay, at steps of a real training.

    Args:
        recording: the recording.
        keep: the steps to keep, by their numbers.
        group: number of the parameter group.

    Returns:
        K steps of C components: x and gradients [K, C], losses [K].

    Raises:
        InputError: the optimizer cannot be run again, its learning rate changes in these steps, it is learned and its updates are scaled,
            or a step to keep is not among them.
    """
    count = min(len(recording), recording.about.dense)
    arrays = recording.arrays(range(count))
    own = [i for i, component in enumerate(recording.about.components) if component.group == group]
    if not own:
        raise InputError(f"{recording.name} has no recorded component in parameter group {group!r:.40}")
    for k in keep:
        if not 0 <= k < count:
            raise InputError(f"step {k!r:.40} is not among the first steps of {recording.name}, 0 to {count - 1}")
    again = replay(recording, arrays).only(own)
    parts = [part for part in again.parts if part.cells.any()]
    if len(parts) != 1 or parts[0].factor != 1:
        raise InputError(f"the instruments need one learning rate for all steps: that of {recording.name} changes")
    x, gradients = (_double(values[:, own]) for values in (arrays.parameters, arrays.gradients))
    places: dict[int, Tensor | ProblemRun] = {int(k): again.states[k][:, parts[0].columns] for k in keep}
    return Met(parts[0].optimizer, x, _double(np.nan_to_num(arrays.losses)), gradients, places)


def _double(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float64))
