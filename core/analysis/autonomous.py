"""Autonomous dynamics: where the state goes when every gradient is 0, and the learning-rate schedule that this carries.

(Maheswaranathan et al., arXiv 2011.02159, section 4.3.)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.optimizers.base import Optimizer

STEPS = 200


def autonomous_trajectory(optimizer: Optimizer, steps: int = STEPS, start: Tensor | None = None) -> Tensor:
    """h̄₀ … h̄_K at g = 0, [K + 1, S], float64.

    Args:
        optimizer: any optimizer, in float64.
        steps: K.
        start: h̄₀, [S]; the optimizer's initial state by default.
    """
    state = optimizer.initial_state(1, torch.float64) if start is None else start[None]
    states = [state]
    nothing = torch.zeros(1, dtype=torch.float64)
    with torch.no_grad():
        for _ in range(steps):
            states.append(optimizer.step(states[-1], nothing)[0])
    return torch.cat(states)


@dataclass(frozen=True)
class Schedule:
    """What a schedule looks like.

    Attributes:
        start, end: effective learning rate at the first and the last step.
        peak: its largest value.
        peak_step: when.
        change: (largest − smallest) / largest size: 0 for a constant.
        nonfinite: steps at which it is not finite; these are left out.
    """

    start: float
    end: float
    peak: float
    peak_step: int
    change: float
    nonfinite: int


def schedule_of(rates: Tensor) -> Schedule:
    """Describe effective learning rates over steps, [K + 1]."""
    finite = torch.isfinite(rates)
    if not bool(finite.any()):
        nan = float("nan")
        return Schedule(nan, nan, nan, 0, nan, len(rates))
    kept = rates[finite]
    top = int(torch.where(finite, rates, -torch.inf).argmax())
    size = float(kept.abs().max())
    change = float(kept.max() - kept.min()) / size if size > 0 else 0.0
    return Schedule(float(kept[0]), float(kept[-1]), float(rates[top]), top, change, int((~finite).sum()))
