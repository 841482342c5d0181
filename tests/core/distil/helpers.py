"""Formulas with every part, for tests."""

from core.optimizers.formula import PARAMETERS, Formula, Structure
from core.optimizers.formula.structure import KNOTS, SCHEDULED

VALUES = {
    "rate": 0.05, "rate_last": 0.03, "memory": 0.8, "memory_last": 0.9, "direct": 0.05, "direct_last": 0.2,
    "second_memory": 0.97, "second_share": 0.1, "threshold": 1.3, "limit": 0.4, "relaxation": 50.0, "warmup_from": 0.3,
    "warmup": 10.0, "averaging": 0.9, "scale": 0.5, "exponent": 0.2, "forgetting": 0.3, "boost": 0.3, "agreement_decay": 0.7, "epsilon": 1e-3, "decay": 0.01,
    "half_life": 30.0, "cosine_warmup": 5.5, "horizon": 80.0,
}  # fmt: skip


def formula(structure: Structure) -> Formula:
    """A formula of that structure with unremarkable numbers."""
    values = dict(VALUES)
    for name in SCHEDULED:
        values |= {f"{name}_{knot}": VALUES[name] * (1 - 0.1 * i) for i, knot in enumerate(KNOTS)}
    assert set(structure.parameters) <= set(values) and set(values) == set(PARAMETERS)
    return Formula(structure, {name: values[name] for name in structure.parameters})


STRUCTURES = {
    "everything": Structure(2, "tanh", True, "knots", "power", True, True),
    "four mechanisms": Structure(1, "symlog", True, "relaxing", "power"),
    "no momentum": Structure(0, "clamp", False, "relaxing", "power"),
    "like Adam": Structure(1, "none", False, "warmup_cosine", "root", bias_correction=True),
    "agreement": Structure(1, "none", False, "none", "root", agreement=True),
    "sign": Structure(1, "sign", False, "half_life"),
    "decay": Structure(0, "none", False, "inverse_time", "root"),
    "gradient descent": Structure(0),
}
