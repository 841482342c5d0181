"""An optimizer on a batch of problems: the inner loop."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.optimizers.base import Optimizer
from core.tasks.base import Problems


@dataclass(frozen=True)
class Trajectory:
    """What an unroll of K inner steps recorded; entries not asked for are None.

    Attributes:
        losses: f(x_k), k = 0 … K, [K + 1, problems].
        x: inner parameters, [K + 1, problems, parameters].
        gradients: [K + 1, problems, parameters].
        states: h_k, [K + 1, problems, components, S]; the components are those chosen by ``components``.
        updates: u_k = x_{k+1} − x_k as the optimizer gave it, [K, problems, parameters].
    """

    losses: Tensor
    x: Tensor | None
    gradients: Tensor | None
    states: Tensor | None
    updates: Tensor | None


EVERYTHING = ("x", "gradients", "states", "updates")


def unroll(
    optimizer: Optimizer,
    problems: Problems,
    steps: int,
    *,
    record: Sequence[str] = EVERYTHING,
    components: Sequence[int] | None = None,
) -> Trajectory:
    """Run an optimizer for ``steps`` inner steps on every problem at once, without a graph.

    Args:
        optimizer: any optimizer; its dtype follows the problems'.
        problems: the batch.
        steps: K, the unroll length.
        record: which of x, gradients, states, updates to keep; losses are always kept.
        components: whose states to keep, indices into the parameters; all by default.
    """
    kept: dict[str, list[Tensor]] = {name: [] for name in record}
    losses = []
    shape = problems.x0.shape

    def keep(name: str, value: Tensor) -> None:
        if name in kept:
            kept[name].append(value)

    with torch.no_grad():
        x = problems.x0
        state = optimizer.initial_state(x.numel(), x.dtype)
        for k in range(steps + 1):
            loss, gradient = problems.loss_and_gradient(x)
            losses.append(loss)
            keep("x", x)
            keep("gradients", gradient)
            if "states" in kept:
                by_component = state.view(*shape, -1)
                keep("states", by_component if components is None else by_component[:, components])
            if k < steps:
                state, update = optimizer.step(state, gradient.reshape(-1))
                keep("updates", update.view(shape))
                x = x + update.view(shape)
        stacked = {
            name: torch.stack(values) if values else problems.x0.new_empty(0, *shape) for name, values in kept.items()
        }
        return Trajectory(torch.stack(losses), *(stacked.get(name) for name in EVERYTHING))
