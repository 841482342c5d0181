"""Hand-designed optimizers by name. To add one, add a file here and a line in `HAND_DESIGNED`.

Each matches its namesake in `torch.optim` step by step.
"""

from dataclasses import fields

from core.errors import InputError, choose
from core.optimizers.hand_designed.adam import Adam
from core.optimizers.hand_designed.adam_cosine import AdamCosine
from core.optimizers.hand_designed.adam_exponential import AdamExponential
from core.optimizers.hand_designed.base import Decaying, HandDesigned
from core.optimizers.hand_designed.clipped_sgd import ClippedSGD
from core.optimizers.hand_designed.momentum import Momentum
from core.optimizers.hand_designed.nesterov import Nesterov
from core.optimizers.hand_designed.rmsprop import RMSProp
from core.optimizers.hand_designed.scheduled_sgd import ScheduledSGD
from core.optimizers.hand_designed.sgd import SGD

__all__ = [
    "BASELINES",
    "CALIBRATION",
    "EXPLORE_BASELINES",
    "HAND_DESIGNED",
    "SGD",
    "Adam",
    "AdamCosine",
    "AdamExponential",
    "ClippedSGD",
    "Decaying",
    "HandDesigned",
    "Momentum",
    "Nesterov",
    "RMSProp",
    "ScheduledSGD",
    "make_hand_designed",
]

HAND_DESIGNED: dict[str, type[HandDesigned]] = {
    cls.kind: cls
    for cls in (
        SGD,
        Momentum,
        Nesterov,
        RMSProp,
        Adam,
        AdamCosine,
        AdamExponential,
    )
}
BASELINES = tuple(
    HAND_DESIGNED
)  # learned optimizers are compared with these, tuned; plugins add others to HAND_DESIGNED
EXPLORE_BASELINES = tuple(name for name in BASELINES if HAND_DESIGNED[name].in_explore)
# Gradient descent with a single mechanism, so that the instruments' results are known. They are not tuned.
CALIBRATION: dict[str, type[HandDesigned]] = {cls.kind: cls for cls in (ClippedSGD, ScheduledSGD)}


def make_hand_designed(name: str, hyperparameters: dict[str, float] | None = None) -> HandDesigned:
    """The hand-designed optimizer of that name; missing hyperparameters have `torch.optim`'s defaults.

    Args:
        name: a key of `HAND_DESIGNED` or `CALIBRATION`.
        hyperparameters: by name, as in ``{"learning_rate": 0.1}``.

    Raises:
        InputError: unknown name or hyperparameter, or a value that is not a number in its range.
    """
    cls = choose("optimizer", name, {**HAND_DESIGNED, **CALIBRATION})
    allowed = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    values = hyperparameters or {}
    for key, value in values.items():
        if key not in allowed:
            raise InputError(f"{name} has no hyperparameter {key!r}: it takes {', '.join(allowed)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise InputError(f"{name}: {key} must be a finite number, 0 or more (got {value!r})")
        limit = cls.limits()[key]
        if limit.below_one and value >= 1:
            raise InputError(f"{name}: {key} must be at least 0 and below 1 (got {value!r})")
        if limit.positive and value == 0:
            raise InputError(f"{name}: {key} must be above 0 (got {value!r})")
    return cls(**values)
