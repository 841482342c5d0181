"""Slopes of a step by difference quotients, where no graph gives them: optimizers written in place, NumPy, √ at 0.

One width cannot serve: Adam's update turns within ε = 1e-8 of gradient 0, a momentum buffer may be 1e3. Every input is therefore
shifted by a ladder of widths, from the size of its row down to rounding (or by 28 orders of magnitude, if it is 0). Along the ladder
the quotient runs through a plateau, which is the slope; Richardson's extrapolation (Ridders 1982) sharpens it, and the spread of
neighbours on the plateau is its error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor


LEVELS = 24  # widths of the ladder
DEEP, FLAT = 1e-28, 2.0**-24  # the smallest width over the largest, for an input of 0, and over the input's size
TINY = 1e-300
NOTHING = 2.0**-126  # what has died away down to here, in single precision, counts as 0
PLATEAU = 0.05  # relative spread of neighbours up to which the quotient counts as settled
WIDE = 2.0**-7  # of a number: a stretch on which half precision (8 bits at least) cannot stand still
LAST = 6  # narrowest levels that are asked whether the quotient still grows
DOUBLE, SINGLE = 2.0**-52, 2.0**-23  # the relative distance of two numbers

Step: TypeAlias = Callable[["Tensor", "Tensor"], tuple["Tensor", "Tensor"]]


@dataclass(frozen=True)
class Quotients:
    """Slopes of the S entries of the next state and of the update (last) by some inputs.

    Attributes:
        values: [n, S + 1, inputs]; NaN where the quotient settles nowhere, as next to an infinite slope.
        errors: estimated absolute errors, of the same shape.
        jumps: whether the output jumps at the input, bool; the value is then the slope on both sides of the jump, without it.
    """

    values: Tensor
    errors: Tensor
    jumps: Tensor


def difference_quotients(
    step: Step, states: Tensor, gradients: Tensor, inputs: Sequence[int], rounding: Tensor | None = None
) -> Quotients:
    """Difference quotients of one step of n independent rows.

    Args:
        step: maps states [m, S] and gradients [m] to the next states [m, S] and updates [m].
        states: h, [n, S], float64.
        gradients: g, [n], float64.
        inputs: which inputs to shift: entries of the state, and S for the gradient.
        rounding: how large the rounding errors of updates are at least, [n]; by default that of an update itself.
    """
    at = torch.cat([states, gradients[:, None]], 1).detach()
    with torch.no_grad():
        middle = _outputs(step, at)
        errors_of = torch.zeros_like(middle)
        if rounding is not None:
            errors_of[:, -1] = rounding
        parts = [_by_input(step, at, middle, i, errors_of) for i in inputs]
    empty = middle.new_zeros(*middle.shape, 0)
    if not parts:
        return Quotients(empty, empty, empty.bool())
    values, errors, jumps = (torch.stack(found, 2) for found in zip(*parts, strict=True))
    return Quotients(values, errors, jumps)


def _outputs(step: Step, at: Tensor) -> Tensor:
    following, update = step(at[:, :-1], at[:, -1])
    return torch.cat([following, update[:, None]], 1)


def _ladder(at: Tensor, index: int) -> Tensor:
    """Falling widths of the shift of one input, [n, LEVELS]: powers of two, so that shifts are exact where they can be."""
    size, row = at[:, index].abs(), at.abs().amax(1)
    size = torch.where(size > NOTHING, size, 0.0)
    top = 0.25 * torch.where(row > NOTHING, torch.maximum(size, row), torch.ones_like(row))
    bottom = torch.where(size > 0, size * FLAT, top * DEEP)
    share = torch.linspace(0, 1, LEVELS, dtype=at.dtype)
    return torch.exp2((top.log2()[:, None] * (1 - share) + bottom.log2()[:, None] * share).round())


def slopes_along(
    answers: Callable[[Tensor], Tensor], at: float, scale: float, rounding: Tensor | None = None
) -> Tensor:
    """Slopes of several outputs by one number; NaN where they settle nowhere.

    NaN also where an output stands still for small shifts and not for large ones, as in arithmetic in half precision. Where another output
    answers the small ones, so that arithmetic is fine enough, and the stretch is wide, the slope is 0: a norm below its clip does so.

    Args:
        answers: maps shifts of the number [m] to outputs [m, O].
        at: the number.
        scale: the size of numbers of its kind.
        rounding: how large the rounding errors of outputs are at least, [O]; by default those of the outputs themselves.

    Returns:
        [O], float64.
    """
    place = torch.tensor([[at, scale]], dtype=torch.float64)
    steps = _ladder(place, 0)
    shifts = torch.cat([steps[0], -steps[0], steps.new_zeros(1)])
    found = answers(shifts).double()
    moved = (place[0, 0] + shifts) - place[0, 0]
    ends = torch.stack([found[:LEVELS], found[LEVELS:-1]])[None]
    least = torch.zeros_like(found[-1:]) if rounding is None else rounding.double()[None]
    values, errors, _ = _slopes(ends, found[-1:], steps, torch.stack([moved[:LEVELS], moved[LEVELS:-1]])[None], least)
    rises = (ends[:, 0] - ends[:, 1]).abs()
    answered = rises[:, :LAST] > 4 * least[:, None]
    stairs = (values == 0) & (rises[:, -LAST:] == 0).all(1) & answered.any(1)
    vague = (errors > PLATEAU * values.abs()) & (values.abs() > errors)
    moving = torch.where(rises[0] > 0, torch.arange(LEVELS)[:, None], -1).amax(
        0
    )  # the narrowest level that is answered
    wide = steps[0, (moving + 1).clamp(max=LEVELS - 1)] >= WIDE * (abs(at) or scale)
    stairs &= ~(wide & (rises[:, -LAST:] > 0).all(1).any())
    return torch.where(stairs | vague, torch.nan, values)[0]


def typical_size(values: Tensor) -> float:
    """The median size of the values that are not 0; 1 without any."""
    sizes = values[torch.isfinite(values) & (values != 0)].abs()
    return float(sizes.median()) if len(sizes) else 1.0


def _by_input(step: Step, at: Tensor, middle: Tensor, index: int, rounding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes by one input with their errors, and where it jumps, [n, S + 1] each."""
    n, width = at.shape
    steps = _ladder(at, index)
    shifted = at[:, None, None, :].expand(n, 2, LEVELS, width).clone()
    shifted[:, 0, :, index] += steps
    shifted[:, 1, :, index] -= steps
    ends = _outputs(step, shifted.reshape(-1, width)).view(n, 2, LEVELS, width)
    return _slopes(ends, middle, steps, shifted[..., index] - at[:, None, None, index], rounding)


def _slopes(ends: Tensor, middle: Tensor, steps: Tensor, moved: Tensor, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes with their errors, and where outputs jump, [n, O] each.

    Args:
        ends: outputs after shifts up and down, [n, 2, LEVELS, O].
        middle: outputs without a shift, [n, O].
        steps: widths, [n, LEVELS].
        moved: what is left of the shifts after rounding, [n, 2, LEVELS].
        least: how large rounding errors of outputs are at least, [n, O].
    """
    high, low = ends[:, 0], ends[:, 1]
    apart, right = (moved[:, 0] - moved[:, 1])[..., None], moved[:, 0, :, None]
    both, ahead = (high - low) / apart, (high - middle[:, None]) / right
    single = (ends == ends.float()).flatten(0, 2).all(0)  # an output that was computed in single precision
    rounding = torch.where(single, SINGLE, DOUBLE)
    sizes = torch.maximum(torch.maximum(high.abs(), torch.nan_to_num(low).abs()), middle.abs()[:, None])
    noise = torch.maximum(rounding * sizes, least[:, None]) / apart
    inside = torch.isfinite(both[:, -LAST:]).all(1, keepdim=True)  # beyond a domain's edge there is one side only
    value, error = _plateau(torch.where(inside, both, ahead), noise, steps)
    flat = (high - low).abs()[:, -LAST:]
    floor = torch.maximum(rounding * sizes.amax(1), least)
    jumps = (flat.amin(1) > 0.5 * flat.amax(1)) & (flat.amin(1) > 64 * floor)
    if bool(jumps.any()):
        beside = ((high[:, :-1] - high[:, 1:]) - (low[:, :-1] - low[:, 1:])) / (apart[:, :-1] - apart[:, 1:])
        other, its_error = _plateau(beside, noise[:, :-1], steps[:, :-1])
        value, error = torch.where(jumps, other, value), torch.where(jumps, its_error, error)
    return value, error, jumps


def _plateau(quotients: Tensor, noise: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Where quotients over falling steps settle, and their spread there: [n, levels, outputs] -> [n, outputs] twice."""
    ratio = (steps[:, :-1] / steps[:, 1:])[..., None]
    sharper = quotients[:, 1:] + (quotients[:, 1:] - quotients[:, :-1]) / (ratio**2 - 1)
    spread = (quotients[:, 1:] - quotients[:, :-1]).abs()
    plain = torch.maximum(spread[:, :-1], spread[:, 1:])
    keen = torch.maximum((sharper[:, 1:] - sharper[:, :-1]).abs(), (sharper[:, 1:] - quotients[:, 2:]).abs())
    candidates = torch.cat([quotients[:, 1:-1], sharper[:, 1:]], 1)
    errors = torch.cat([plain, keen], 1) + torch.cat([noise[:, 1:-1], noise[:, 2:]], 1)
    errors = torch.where(torch.isfinite(errors) & torch.isfinite(candidates), errors, torch.inf)
    relative = torch.where(errors == 0, 0.0, errors / (candidates.abs() + TINY))
    relative = torch.where(torch.isnan(relative), torch.inf, relative)
    best = relative.argmin(1, keepdim=True)
    settled = relative.gather(1, best)[:, 0] <= PLATEAU
    least = errors.argmin(1, keepdim=True)  # nothing but rounding around a slope of 0: the smallest error counts
    chosen = torch.where(settled[:, None], best, least)
    value, error = candidates.gather(1, chosen)[:, 0], errors.gather(1, chosen)[:, 0]
    last = quotients[:, -LAST:]
    grows = ((last[:, 1:].abs() > 1.2 * last[:, :-1].abs()) & (last[:, 1:].sign() == last[:, :-1].sign())).all(1)
    grows &= (last.abs() > 2 * noise[:, -LAST:]).any(1)  # and not as rounding does by chance
    unsettled = ~torch.isfinite(error) | (~settled & grows)
    return torch.where(unsettled, torch.nan, value), torch.where(unsettled, torch.inf, error)
