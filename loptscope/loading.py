"""Loads an optimizer by its name."""

from core.errors import InputError
from core.optimizers import CALIBRATION, HAND_DESIGNED, Optimizer, make_hand_designed
from core.plugins import OPTIMIZERS
from core.runs.zoo import find_run


def load(name: str, outer_step: int | None = None, **hyperparameters: float) -> Optimizer:
    """Load an optimizer, learned or hand-designed.

    Args:
        name: of a shipped optimizer, one of your runs, a run's folder, a hand-designed optimizer, or a registered one.
        outer_step: snapshot of a learned optimizer; by default the last.
        hyperparameters: of a hand-designed optimizer, as in ``load("momentum", learning_rate=0.1)``; missing ones have
            `torch.optim`'s defaults.

    Raises:
        InputError: no such optimizer, snapshot or hyperparameter.
    """
    if name in HAND_DESIGNED or name in CALIBRATION:
        if outer_step is not None:
            raise InputError(f"outer_step needs a learned optimizer: {name} is hand-designed")
        return make_hand_designed(name, hyperparameters)
    if name in OPTIMIZERS:
        if outer_step is not None or hyperparameters:
            raise InputError(f"{name} is a plugin's optimizer: it has neither snapshots nor hyperparameters")
        return OPTIMIZERS[name].optimizer
    run = find_run(name)
    if hyperparameters:
        raise InputError(f"{', '.join(hyperparameters)}: a learned optimizer like {run.name} has no hyperparameters")
    return run.optimizer(outer_step)
