"""The arrays of a recording's view in the browser: what `core.view_bundle` has for a run on a task, as far as it was recorded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from core.analysis.fixed_points import find_fixed_points
from core.analysis.jacobians import moving_entries
from core.analysis.projection import principal_components
from core.analysis.update_function import effective_learning_rate, update_function
from core.bundle import Arrays, Bundle
from core.errors import InputError
from core.late import torch
from core.training_loop.recording import Arrays as Recorded
from core.training_loop.recording import Recording
from core.view_bundle import GRID, gradient_scales, histogram

if TYPE_CHECKING:
    from torch import Tensor

    from core.training_loop.replay import Replay

POINTS = 200  # steps of a view, at most, after its first
MOST = 64  # components of a view
Window = Literal["all", "first"]
NO_TASK = "A recording has no landscape: it is of one training, and not of a task whose loss is known everywhere."
NO_LOSS = "No loss was told: call recording.loss(value) once for each step."


def stride_of(steps: int, dense: int) -> int:
    """The distance between two steps of a view of the whole recording: a power of two, whose multiples are all recorded.

    Args:
        steps: number of the last recorded step.
        dense: steps at the beginning that are all recorded.
    """
    recorded = max(0, math.ceil(math.log2((steps + 1) / dense)))
    return int(1 << max(recorded, math.ceil(math.log2(max(1, steps / POINTS)))))


def shown_components(count: int) -> list[int]:
    """Positions of the components of a view among those recorded."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(MOST, count))})


def _chosen(recording: Recording, window: Window, count: int) -> tuple[list[int], int]:
    """Positions of the recorded steps of a view, and the distance between them."""
    if window == "first":
        return list(range(min(count, POINTS + 1, recording.about.dense))), 1
    steps = recording.steps()[:count]
    stride = stride_of(int(steps[-1]), recording.about.dense)
    return np.nonzero(steps % stride == 0)[0].tolist(), stride


def _float(values: np.ndarray | Tensor) -> np.ndarray:
    """In single precision; what is too large for it is not finite."""
    plain = values.detach().numpy() if isinstance(values, torch.Tensor) else values
    with np.errstate(over="ignore"):
        return np.asarray(plain, np.float32)


def recording_bundle(recording: Recording, window: Window = "all", count: int | None = None) -> Bundle:
    """Everything that a view of a recording shows.

    Args:
        recording: the recording.
        window: "all" of its steps, evenly spaced, or the "first" ones.
        count: recorded steps that are taken into account; by default all.

    Returns:
        a bundle with the arrays of `core.view_bundle.make_bundle`, as far as they are known. In its description "missing" says for each panel
        without them why, "not_again" why the optimizer cannot be run again (its update functions are left out then, and "rate" has the
        learning rates that were set), and "stride" how many steps of the training one step of the view is.

    Raises:
        InputError: nothing is recorded, or it is damaged.
    """
    rows, stride = _chosen(recording, window, len(recording) if count is None else count)
    shown = shown_components(len(recording.about.components))
    arrays = recording.arrays(rows)
    missing: dict[str, str] = {"landscape": NO_TASK}
    again, reason = _again(recording, arrays)
    losses = arrays.losses
    if not np.isfinite(losses).any():
        missing["loss"] = NO_LOSS
    gradients = torch.from_numpy(arrays.gradients[:, shown]).double()
    scales = gradient_scales(gradients)
    shares, edges = histogram(gradients, scales.scale, scales.stretched)
    told = losses[np.isfinite(losses)]
    about: dict[str, Any] = {
        "optimizers": ["learned"],
        "steps": len(rows) - 1,
        "stride": stride,
        "last_step": int(arrays.steps[-1]),
        "components": [recording.about.components[i].label for i in shown],
        "dimension": recording.about.parameters,
        "loss_bound": 0.0,
        "first_nonfinite": {"learned": _first_bad(losses)},
        "not_positive": int((told <= 0).sum()),
        "landscape": "none",
        "startable": False,
        "gradient_scale": scales.scale,
        "gradient_typical": scales.typical,
        "nonfinite_gradients": int((~torch.isfinite(gradients)).sum()),
        "gradients": gradients.numel(),
        "smooth": True,
        "missing": missing,
        "not_again": reason,
    }
    out: Arrays = {
        "losses": _float(losses[None]),
        "gradient": _float(gradients.T),
        "applied": _float(arrays.updates[:, shown].T),
        "gradient_grid": _float(scales.grid(GRID)),
        "histogram": shares,
        "histogram_edges": edges,
    }
    if again is None:
        groups = [recording.about.components[i].group for i in shown]
        out["rate"] = _float(arrays.rates[:, groups].T)
    else:
        part = _replayed(again, shown, scales.grid(GRID), scales.scale)
        out |= part[0]
        about |= part[1]
    part = _state_space(recording, arrays, again, shown)
    return Bundle(out | part[0], about | part[1])


def _first_bad(losses: np.ndarray) -> int | None:
    """The first step at which a told loss is not finite; steps for which none was told are not meant."""
    bad = np.nonzero(~np.isfinite(losses))[0]
    return int(bad[0]) if len(bad) and np.isfinite(losses[0]) and not np.isfinite(losses[bad[0] :]).any() else None


def _again(recording: Recording, arrays: Recorded) -> tuple[Replay | None, str | None]:
    """The optimizer that runs again, or why it cannot."""
    from core.training_loop.replay import replay

    try:
        return replay(recording, arrays), None
    except InputError as error:
        return None, str(error)


def _replayed(again: Replay, shown: list[int], grid: Tensor, scale: float) -> tuple[Arrays, dict[str, Any]]:
    """Update functions [C, K, G] and effective learning rates [C, K]."""

    def function(optimizer: Any, states: Tensor, _: np.ndarray) -> Tensor:
        return update_function(optimizer, states, grid)

    def rate(optimizer: Any, states: Tensor, _: np.ndarray) -> Tensor:
        return effective_learning_rate(optimizer, states, scale)

    few = again.only(shown)
    arrays = {
        "update": _float(few.over(function, len(grid)).transpose(0, 1)),
        "rate": _float(few.over(rate).transpose(0, 1)),
    }
    return arrays, {"smooth": again.optimizer.smooth}


def _state_space(
    recording: Recording, arrays: Recorded, again: Replay | None, shown: list[int]
) -> tuple[Arrays, dict[str, Any]]:
    """States in their first two principal components, [C, K, 2], and the fixed point if the optimizer can be run."""
    names = list(again.optimizer.state_names) if again else list(recording.about.state_names)
    states = (again.states if again else torch.from_numpy(arrays.states).double())[:, shown].transpose(0, 1)
    moving = moving_entries(again.optimizer) if again else [i for i, name in enumerate(names) if name != "step"]
    kept = states[..., moving]
    projection = principal_components(kept.reshape(kept.shape[:2].numel(), len(moving)))
    about: dict[str, Any] = {
        "explained": [round(float(value), 6) for value in projection.explained],
        "state_names": [names[i] for i in moving],
        "fixed_point": None,
    }
    out = {"state": _float(projection(kept))}
    start = states[:, -1][torch.isfinite(states[:, -1]).all(1)]
    if again is not None and moving and len(start):
        point = find_fixed_points(again.optimizer, start[:1])
        if len(point.states):
            out["fixed_point"] = _float(projection(point.states[0, moving]))
            about["fixed_point"] = {"speed": float(point.speeds[0]), "converged": bool(point.converged[0])}
    return out, about
