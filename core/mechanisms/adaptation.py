"""Learning-rate adaptation: the S-curve of fixed points over a constant gradient, and the effective learning rate along it.

(Maheswaranathan et al., arXiv 2011.02159, section 4.4.)
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from core.analysis.adaptation import adaptation_of, local_slopes_along, rates_along
from core.analysis.in_use import adaptation_in_use, recent_sizes
from core.analysis.projection import principal_components
from core.analysis.update_function import effective_learning_rate, update_function
from core.bundle import Arrays, Bundle
from core.errors import InputError
from core.late import torch
from core.mechanisms.agreement import agreement_report, rates_over_windows
from core.mechanisms.context import Context, grid
from core.mechanisms.counters import ADAPTATION, adaptation_along, sentences_of

if TYPE_CHECKING:
    from torch import Tensor

STRETCHES, BINS = 4, 10  # of the run, each longer than the one before; and of the recent sizes of gradients
CURVES = 61  # points of the S-curve at which the update function is drawn
GRADIENTS = 61


class Slopes(BaseModel):
    """A slope along the curve of fixed points, from gradient 0 outwards.

    Attributes:
        rate_at_zero, rate_at_typical: at g = 0 and at the typical size of gradient (the mean of both arms).
        exponent: −d ln(rate)/d ln|g| between the median and the typical gradient.
    """

    rate_at_zero: float | None = None
    rate_at_typical: float | None = None
    exponent: float | None = None


def adaptation_view(context: Context) -> Bundle:
    """The curve h*(g), its stability, the effective learning rate −∂u/∂g(h*(g), 0) of its states and the local slope −∂u/∂g(h*(g), g).

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with the arrays below, and a description of the curve; the arrays are missing if there is no curve.

    Arrays: ``g`` [p], ``curve`` [p, 3] (three principal components), ``rates`` and ``local`` [p], ``radii`` [p], ``unstable`` [p], ``folds`` [f] and,
    for ``chosen`` [c] points of the curve, ``updates`` [c, G] over ``gradients`` [G]; ``in_use`` [stretches, bins, 2], the median learning rate
    over the recent size of gradients on held-out problems; ``agreement`` [3, steps + 1, 3], quartiles of the learning rates while gradients come in
    whose signs are alike, alternate, or are random, which is there without a curve, too.
    """
    about: dict[str, Any] = {
        "scale": context.observed.scale,
        "typical": context.observed.typical,
        "why": "",
        "ended": [],
        "agreement": agreement_report(context).model_dump(),
    }
    by_signs = rates_over_windows(context)
    arrays: Arrays = {} if by_signs is None else {"agreement": by_signs}
    if not context.moving:
        return Bundle(arrays, about | {"why": "it has no state, so nothing can adapt"})
    try:
        branches = context.branches
    except InputError as error:
        return Bundle(arrays, about | {"why": str(error)})
    if not branches:
        return Bundle(arrays, about | {"why": "no fixed point was found to start from"})
    width = context.observed.scale
    g = torch.cat([branch.gradients for branch in branches])
    rates = torch.cat([rates_along(context.double, branch, width) for branch in branches])
    local = torch.cat([local_slopes_along(context.double, branch) for branch in branches])
    (own, sheets), (beside, _) = slopes_of(context), slopes_of(context, local=True)
    states = torch.cat([branch.states for branch in branches])
    moving = states[:, context.moving]
    axes = _three(moving)
    chosen = torch.linspace(0, len(g) - 1, min(CURVES, len(g))).round().long()
    gradients = grid(context, GRADIENTS, context.observed.typical)
    arrays |= {
        "g": g.float().numpy(),
        "curve": axes.float().numpy(),
        "rates": rates.float().numpy(),
        "local": local.float().numpy(),
        "radii": torch.cat([branch.radii for branch in branches]).float().numpy(),
        "unstable": torch.cat([branch.unstable for branch in branches]).float().numpy(),
        "folds": torch.tensor([fold.gradient for branch in branches for fold in branch.folds]).float().numpy(),
        "chosen": chosen.float().numpy(),
        "gradients": gradients.float().numpy(),
        "updates": update_function(context.double, states[chosen], gradients).float().numpy(),
    }
    explained = principal_components(moving).explained
    about |= {"explained": [float(v) for v in explained], "ended": [end for branch in branches for end in branch.ended]}
    about |= {**own.model_dump(), "local": beside.model_dump(), "sheets": list(sheets)}
    about["counters"] = sentences_of(context, adaptation_along(context), ADAPTATION)
    used = in_use_report(context)
    about["in_use"] = None if used is None else used.model_dump()
    if used is not None:
        arrays["in_use"] = _binned(context, used.decay)
    about["breaks"] = [len(branch.gradients) for branch in branches]
    return Bundle(arrays, about)


def slopes_of(context: Context, *, local: bool = False) -> tuple[Slopes, tuple[int | None, int | None]]:
    """The effective learning rate along the curve of fixed points (or the local slope), and the sheets it was read on.

    Raises:
        InputError: there is no such curve.
    """
    if context.fixed_point is None:
        raise InputError("no fixed point was found to continue from")
    observed = context.observed
    found = adaptation_of(
        context.double,
        context.branches,
        context.fixed_point,
        observed.typical,
        (observed.scale, observed.typical),
        observed.scale,
        local=local,
    )
    kept = Slopes(rate_at_zero=found.at_zero, rate_at_typical=found.at_typical, exponent=found.exponent)
    return kept, found.sheets


class InUseReport(BaseModel):
    """The learning rate against the recent size of a component's gradients, at equal inner step, on held-out problems.

    Attributes:
        slope, low, high: log-log slope and its 95 % interval over problems.
        rank_correlation, rank_low, rank_high: and of the ranks.
        decay: of the exponential average of |g|, chosen on other problems.
        positive: share of the learning rates that are positive.
    """

    slope: float | None
    low: float | None
    high: float | None
    rank_correlation: float
    rank_low: float
    rank_high: float
    decay: float
    positive: float


def in_use_report(context: Context) -> InUseReport | None:
    """The learning rate against recent gradients; None where there is nothing to compare, or no slope."""
    if context.jumps_with_state:
        return None
    found = adaptation_in_use(rates_in_use(context), context.sample.gradients, context.seed)
    return None if found is None else InUseReport(**asdict(found))


def rates_in_use(context: Context) -> Tensor:
    """The effective learning rate of every component before every step of held-out problems, [K, problems, n]."""
    return effective_learning_rate(context.double, context.sample.states, context.observed.scale)


def _binned(context: Context, decay: float) -> np.ndarray:
    """Median learning rate over the recent size of gradients, in bins of equally many components, for stretches of the run.

    Returns:
        [stretches, bins, 2], float32: (recent size, rate).
    """
    rates, sizes = rates_in_use(context), recent_sizes(context.sample.gradients, decay)
    out = np.full((STRETCHES, BINS, 2), np.nan, dtype=np.float32)
    ends = np.geomspace(1, len(rates), STRETCHES + 1).round().astype(int)
    for i, (first, last) in enumerate(pairwise(ends)):
        size, rate = (values[first : max(last, first + 1)].flatten().numpy() for values in (sizes, rates))
        kept = np.isfinite(size) & np.isfinite(rate) & (size > 0)
        order = np.argsort(size[kept])
        for j, part in enumerate(np.array_split(order, BINS)):
            if len(part):
                out[i, j] = np.median(size[kept][part]), np.median(rate[kept][part])
    return out


def _three(states: Tensor) -> Tensor:
    """The first three principal components, [p, 3]; zeros where there are fewer."""
    centred = states - states.mean(0)
    _, _, right = torch.linalg.svd(centred, full_matrices=False)
    axes = right[:3] * torch.sign(right[:3].gather(1, right[:3].abs().argmax(1, keepdim=True)))
    out = states.new_zeros(len(states), 3)
    out[:, : len(axes)] = centred @ axes.T
    return out
