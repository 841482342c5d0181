"""What each mechanism does in a trained formula: its held-out meta-loss with that mechanism switched off.

Contributions say what formulas of the four mechanisms gain by one of them, each trained with what it has; an ablation says what the formula
that is shown loses without it, its other numbers as they are.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.distil.compiled import losses_of
from core.distil.result import Interval
from core.distil.shares import Bootstrap, interval
from core.evaluation.held_out import STEPS
from core.meta_loss import meta_loss
from core.optimizers.formula import MECHANISMS, Formula, coefficients
from core.optimizers.formula.structure import KNOTS
from core.tasks import Problems

FAR = 1e12  # a threshold, and a limit, that nothing reaches
NEUTRAL: dict[str, dict[str, float]] = {  # mechanism -> the numbers with which it does nothing
    "momentum": {"memory": 0.0, "memory_last": 0.0, "second_share": 0.0, **{f"memory_{knot}": 0.0 for knot in KNOTS}},
    "clipping": {"threshold": FAR, "limit": FAR, **{f"threshold_{knot}": FAR for knot in KNOTS}},
    "adaptation": {"exponent": 0.0},
    "agreement": {"boost": 0.0},
    "second_momentum": {"second_share": 0.0},
    "adaptive_memory": {"forgetting": 0.0},
}


def without(formula: Formula, mechanism: str) -> Formula | None:
    """A formula with one of its mechanisms switched off; None if it does not have it, or cannot do without it.

    Without its momentum it has no second one either. A schedule is switched off by holding its numbers at their means over the first 200 inner steps (geometric ones of rate and threshold).

    Args:
        formula: the formula.
        mechanism: one of `MECHANISMS`.
    """
    structure, values = formula.structure, formula.values
    if mechanism not in structure.mechanisms:
        return None
    if mechanism == "schedule":
        return _held(formula)
    changes = {name: value for name, value in NEUTRAL.get(mechanism, {}).items() if name in values}
    return Formula(structure, {**values, **changes}) if changes else None


def _held(formula: Formula) -> Formula | None:
    """Without its schedule."""
    structure, values = formula.structure, formula.values
    if structure.schedule not in ("relaxing", "knots"):
        return None
    at = coefficients(structure, values, torch.arange(STEPS, dtype=torch.float64))
    rates = torch.as_tensor(at.first + at.second + at.direct)
    means = {
        "rate": float(rates.log().mean().exp()),
        "memory": float(torch.as_tensor(at.memory, dtype=torch.float64).mean()),
        "direct": float(torch.as_tensor(at.direct / rates).mean()),
        "threshold": float(torch.as_tensor(at.threshold, dtype=torch.float64).log().mean().exp()),
    }
    constant = replace(structure, schedule="none")
    return Formula(constant, {name: means.get(name, values.get(name, 0.0)) for name in constant.parameters})


def ablations_of(formula: Formula, problems: Problems, losses: Tensor) -> dict[str, Interval]:
    """Mechanism -> the factor by which the formula's held-out meta-loss grows without it; None where a problem diverges then.

    Args:
        formula: a trained formula.
        problems: the held-out problems, as formulas are run on them.
        losses: of the formula on them, [K + 1, problems].

    Returns:
        Those of its mechanisms that can be switched off, with 95 % bootstrap intervals over problems; none if the formula itself diverges.
    """
    found: dict[str, Interval] = {}
    whole, draws = meta_loss(losses).double().numpy(), Bootstrap(problems.count, 1)
    if not np.isfinite(whole).all():
        return found
    for name in MECHANISMS:
        changed = without(formula, name)
        if changed is not None:
            lost = meta_loss(losses_of(changed, problems, STEPS)).double().numpy()
            with np.errstate(invalid="ignore"):
                found[name] = interval(float(lost.mean() / whole.mean()), draws.means(lost) / draws.means(whole))
    return found
