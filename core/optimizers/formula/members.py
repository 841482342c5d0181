"""Hand-designed optimizers as members of the family of formulas, equal step by step."""

from core.errors import InputError
from core.optimizers.formula.formula import Formula
from core.optimizers.formula.structure import Adaptation, Clipping, ScheduleKind, Structure
from core.optimizers.hand_designed import (
    SGD,
    Adam,
    AdamCosine,
    AdamExponential,
    ClippedSGD,
    Decaying,
    HandDesigned,
    Momentum,
    Nesterov,
    RMSProp,
    ScheduledSGD,
)


def as_formula(optimizer: HandDesigned) -> Formula:
    """The formula that equals a hand-designed optimizer.

    Args:
        optimizer: with numbers as hyperparameters (no tensors).

    Raises:
        InputError: the optimizer is no member of the family.
    """
    given = {name: float(value) for name, value in optimizer.hyperparameters().items()}
    rate = given["learning_rate"]
    values = {"rate": rate}
    momenta = 0
    clipping: Clipping = "none"
    adaptation: Adaptation = "none"
    schedule: ScheduleKind = "none"
    if isinstance(optimizer, Momentum | Nesterov):
        beta = given["momentum"]
        direct = 1 - beta if isinstance(optimizer, Nesterov) else 0.0
        momenta, values = 1, {"rate": rate / (1 - beta), "memory": beta, "direct": direct}
    elif isinstance(optimizer, RMSProp):
        adaptation = "root"
        values |= {"averaging": given["decay"], "epsilon": given["epsilon"]}
    elif isinstance(optimizer, Adam | AdamCosine | AdamExponential):
        momenta, adaptation = 1, "root"
        values |= {"memory": given["beta1"], "direct": 0.0, "averaging": given["beta2"], "epsilon": given["epsilon"]}
    elif isinstance(optimizer, ClippedSGD):
        clipping, values["threshold"] = "clamp", given["threshold"]
    elif not isinstance(optimizer, SGD | ScheduledSGD):
        raise InputError(f"{optimizer.name} is no formula of these mechanisms")
    if isinstance(optimizer, AdamCosine | ScheduledSGD):
        schedule = "warmup_cosine"
        values |= {"cosine_warmup": given["warmup"], "horizon": given["horizon"]}
    elif isinstance(optimizer, AdamExponential):
        schedule, values["half_life"] = "half_life", given["half_life"]
    elif isinstance(optimizer, Decaying) and optimizer.decays:
        schedule, values["decay"] = "inverse_time", given["learning_rate_decay"]
    corrected = isinstance(optimizer, Adam | AdamCosine | AdamExponential)
    structure = Structure(
        momenta=momenta, clipping=clipping, schedule=schedule, adaptation=adaptation, bias_correction=corrected
    )
    return Formula(structure, values)
