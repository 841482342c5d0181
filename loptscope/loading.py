"""An optimizer by its name."""

from core.errors import InputError
from core.optimizers import CALIBRATION, HAND_DESIGNED, Optimizer, make_hand_designed
from core.plugins import OPTIMIZERS
from core.runs.zoo import find_run


def load(name: str, outer_step: int | None = None, **hyperparameters: float) -> Optimizer:
    """An optimizer, learned or hand-designed.

    Args:
        name: of a shipped optimizer, of one of your own runs, of a run's folder, of a hand-designed optimizer, or one that you registered.
        outer_step: snapshot of a learned optimizer; the last one by default.
        hyperparameters: of a hand-designed one, as in ``load("momentum", learning_rate=0.1)``; those left out have the
            defaults of `torch.optim`.

    Raises:
        InputError: no such optimizer, snapshot or hyperparameter.
    """
    if name in HAND_DESIGNED or name in CALIBRATION:
        if outer_step is not None:
            raise InputError(f"outer_step belongs to a learned optimizer: {name} is hand-designed")
        return make_hand_designed(name, hyperparameters)
    if name in OPTIMIZERS:
        if outer_step is not None or hyperparameters:
            raise InputError(f"{name} is a plugin's optimizer: it has neither snapshots nor hyperparameters")
        return OPTIMIZERS[name].optimizer
    run = find_run(name)
    if hyperparameters:
        raise InputError(f"{', '.join(hyperparameters)}: a learned optimizer like {run.name} has no hyperparameters")
    return run.optimizer(outer_step)
