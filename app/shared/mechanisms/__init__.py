"""The table of mechanisms, in the order of the Mechanisms page. To add one, add a file here and a line in `MECHANISMS`."""

from app.shared.mechanisms.ablation import ABLATIONS
from app.shared.mechanisms.adaptation import ADAPTATION
from app.shared.mechanisms.clipping import CLIPPING
from app.shared.mechanisms.closed_loop import CLOSED_LOOP
from app.shared.mechanisms.mechanism import Mechanism, MechanismFigure
from app.shared.mechanisms.momentum import MOMENTUM
from app.shared.mechanisms.schedule import SCHEDULE

__all__ = ["MECHANISMS", "Mechanism", "MechanismFigure"]

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
