"""Autonomous dynamics: the path of the state when every gradient is 0, and the learning-rate schedule along it.

(Maheswaranathan et al., arXiv 2011.02159, section 4.3.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.late import torch
from core.optimizers.base import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 200


def autonomous_trajectory(optimizer: Optimizer, steps: int = STEPS, start: Tensor | None = None) -> Tensor:
    """The autonomous trajectory h̄[k+1] = F(h̄[k], 0) (arXiv 2011.02159, section 4.3); a step that is read goes on, all else that is read stays.

    Args:
        optimizer: any optimizer, in float64.
        steps: K, the number of steps.
        start: h̄₀, [S], float64; by default the optimizer's initial state.

    Returns:
        h̄₀ … h̄_K, [K + 1, S], float64.
    """
    state = optimizer.initial_state(1, torch.float64) if start is None else start[None]
    states = [state]
    nothing, read = torch.zeros(1, dtype=torch.float64), optimizer.reads.get("step")
    with torch.no_grad():
        for _ in range(steps):
            following = optimizer.step(states[-1], nothing)[0]
            if read is not None:
                following = following.clone()
                following[:, read] += 1
            states.append(following)
    return torch.cat(states)


@dataclass(frozen=True)
class Schedule:
    """The shape of a learning-rate schedule; rates are in the optimizer's own units (SGD: its learning rate).

    Attributes:
        start: effective learning rate at the first step.
        end: at the last step.
        peak: the largest one.
        peak_step: the step of the peak.
        change: (largest − smallest) / largest size; 0 for a constant.
        nonfinite: number of steps where it is not finite; they are left out.
    """

    start: float
    end: float
    peak: float
    peak_step: int
    change: float
    nonfinite: int


def schedule_of(rates: Tensor) -> Schedule:
    """Describe effective learning rates over steps.

    Args:
        rates: −∂u/∂g at g = 0 along a trajectory, [K + 1].
    """
    finite = torch.isfinite(rates)
    if not bool(finite.any()):
        nan = float("nan")
        return Schedule(nan, nan, nan, 0, nan, len(rates))
    kept = rates[finite]
    top = int(torch.where(finite, rates, -torch.inf).argmax())
    size = float(kept.abs().max())
    change = float(kept.max() - kept.min()) / size if size > 0 else 0.0
    return Schedule(float(kept[0]), float(kept[-1]), float(rates[top]), top, change, int((~finite).sum()))
