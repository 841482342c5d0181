"""The table of mechanisms, in the order of the Mechanisms page. To add one, add a file here, a line in `MECHANISMS`, and what
can be told of it for optimizers that see whole tensors in `of_tensors`."""

from app.shared.mechanisms.ablation import ABLATIONS
from app.shared.mechanisms.adaptation import ADAPTATION
from app.shared.mechanisms.clipping import CLIPPING
from app.shared.mechanisms.closed_loop import CLOSED_LOOP
from app.shared.mechanisms.mechanism import Mechanism, MechanismFigure
from app.shared.mechanisms.momentum import MOMENTUM
from app.shared.mechanisms.of_tensors import OF_TENSORS
from app.shared.mechanisms.schedule import SCHEDULE
from core.optimizers.base import Optimizer

__all__ = ["MECHANISMS", "Mechanism", "MechanismFigure", "mechanism_of"]

MECHANISMS: dict[str, Mechanism] = {
    row.name: row
    for row in (
        MOMENTUM,
        CLIPPING,
        SCHEDULE,
        ADAPTATION,
        CLOSED_LOOP,
        ABLATIONS,
    )
}


def mechanism_of(name: str, optimizer: Optimizer) -> Mechanism:
    """How a mechanism is measured and drawn for an optimizer: another way for those that see whole tensors."""
    return MECHANISMS[name] if optimizer.together is None else OF_TENSORS[name]
