"""Agreement: does the learning rate depend on whether gradients agree in sign, or on their sizes alone?

Recent gradients of a run are fed again with the same sizes and with other signs: all alike, alternating, or drawn at random. What differs
between the states that they lead to can only come from the signs. Momentum remembers signs, but its learning rate does not depend on them;
neither do those of RMSProp and Adam, which see squares. The rule of Jacobs (1988, "Increased rates of convergence through learning rate
adaptation"), delta-bar-delta, raises a rate while gradients agree with their average and lowers it when they do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from core.analysis.update_function import effective_learning_rate
from core.late import torch
from core.optimizers.base import Optimizer
from core.seeds import Purpose, generator

if TYPE_CHECKING:
    from torch import Tensor

Signs = Literal["alike", "alternating", "random"]
SIGNS: tuple[Signs, ...] = get_args(Signs)


def signs_of(kind: Signs, steps: int, components: int, seed: int = 0) -> Tensor:
    """Signs to give to gradients, 1 or −1, float64 [steps, components].

    Args:
        kind: all alike, alternating from step to step, or drawn at random.
        steps: how many.
        components: those of every component are drawn by themselves.
        seed: of the draw.
    """
    if kind == "random":
        drawn = torch.randint(0, 2, (steps, components), generator=generator(Purpose.VIEW, seed, 1))
        return 2.0 * drawn.double() - 1
    ones = torch.ones(steps, components, dtype=torch.float64)
    if kind == "alternating":
        ones[1::2] = -1
    return ones


def rates_by_signs(
    optimizer: Optimizer,
    states: Tensor,
    sizes: Tensor,
    kind: Signs,
    *,
    width: float = 0.0,
    secant: float | None = None,
    seed: int = 0,
) -> Tensor:
    """Effective learning rates while gradients of given sizes and signs come in.

    Args:
        optimizer: in float64.
        states: before the first of them, [n, S].
        sizes: |g| of every step and component, [steps, n].
        kind: which signs they get.
        width: for `effective_learning_rate`, if the update function jumps at 0.
        secant: take the slope of the secant through ±secant in its place, which is finite where a rate changes at once with the gradient's sign.
        seed: of random signs.

    Returns:
        −∂u/∂g(h, 0) after 0, 1, … steps, [steps + 1, n]: the mean of two runs, whose signs are each other's opposite, so that it does not
        matter with which sign the state agrees already.
    """
    signs = signs_of(kind, len(sizes), sizes.shape[1], seed)
    found = []

    def rate(state: Tensor) -> Tensor:
        if secant is None:
            return effective_learning_rate(optimizer, state, width)
        with torch.no_grad():
            ends = [optimizer.step(state, state.new_full((len(state),), end))[1] for end in (secant, -secant)]
        return -(ends[0] - ends[1]) / (2 * secant)

    for first in (1.0, -1.0):
        state, rates = states, [rate(states)]
        for sign, size in zip(first * signs, sizes, strict=True):
            with torch.no_grad():
                state, _ = optimizer.step(state, sign * size)
            rates.append(rate(state))
        found.append(torch.stack(rates))
    return (found[0] + found[1]) / 2
