"""Fixed points of an optimizer's dynamics: h* with F(h*, g) = h*.

The speed of a state is q = ½‖F(h, g) − h‖² (Sussillo & Barak 2013). A state that only counts steps (Adam's) never rests;
its entry is left out of the speed and of the search.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.analysis.jacobians import state_jacobian
from core.optimizers.base import Optimizer

CONVERGED = 1e-20  # speed below which a state counts as a fixed point


@dataclass(frozen=True)
class RestPoint:
    """Where the dynamics come to rest from one start state.

    Attributes:
        state: [S].
        speed: q there.
        converged: whether q is at most 1e-20; otherwise the state is only the slowest one found.
    """

    state: Tensor
    speed: float
    converged: bool


def rest_point(
    optimizer: Optimizer, start: Tensor, gradient: float = 0.0, *, free: int = 300, newton: int = 50
) -> RestPoint:
    """Follow the dynamics at a constant gradient from one state, then refine by damped Newton with exact Jacobians.

    Args:
        optimizer: any optimizer, in float64.
        start: [S], float64.
        gradient: the constant input.
        free: steps of the dynamics before Newton.
        newton: largest number of Newton steps.
    """
    g = torch.tensor([gradient], dtype=start.dtype)
    moving = torch.ones(start.shape[0], dtype=torch.bool)
    if optimizer.clock is not None:
        moving[optimizer.clock] = False
    state = start.clone()
    with torch.no_grad():
        for _ in range(free):
            state = optimizer.step(state[None], g)[0][0]
    embed = torch.eye(start.shape[0], dtype=start.dtype)[:, moving]  # from the entries that move to the whole state
    still = torch.where(moving, 0.0, state)

    def whole(part: Tensor) -> Tensor:
        return still + embed @ part

    def residual(part: Tensor) -> Tensor:
        return embed.T @ optimizer.step(whole(part)[None], g)[0][0] - part

    def speed(part: Tensor) -> float:
        value = 0.5 * float((residual(part) ** 2).sum())
        return value if value == value else float("inf")

    with torch.no_grad():
        point = state[moving]
        q = speed(point)
        for _ in range(newton):
            if q <= 1e-30 or not q < float("inf") or not moving.any():
                break
            recurrent = embed.T @ state_jacobian(optimizer, whole(point), gradient) @ embed
            jacobian = recurrent - torch.eye(len(point), dtype=point.dtype)
            if not bool(torch.isfinite(jacobian).all()):
                break
            direction = torch.linalg.lstsq(jacobian, -residual(point)[:, None]).solution[:, 0]
            size = 1.0
            while size > 1e-4 and speed(point + size * direction) >= q:
                size /= 2
            if size <= 1e-4:
                break
            point = point + size * direction
            q = speed(point)
    return RestPoint(whole(point), q, q <= CONVERGED)
