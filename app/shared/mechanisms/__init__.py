"""The figures of the Mechanisms page: from a bundle of one optimizer to Plotly, by mechanism and name."""

from app.shared.mechanisms.adaptation import adaptation_curve, adaptation_rate, adaptation_space, adaptation_update
from app.shared.mechanisms.clipping import clipping_slope, clipping_update
from app.shared.mechanisms.momentum import momentum_eigenvalues, momentum_modes, momentum_state, momentum_update
from app.shared.mechanisms.portrait import LIT, MOVING, Portrait, without_marks
from app.shared.mechanisms.schedule import schedule_path, schedule_rate, schedule_update

__all__ = [
    "FIGURES",
    "LIT",
    "MOVING",
    "Portrait",
    "clipping_update",
    "momentum_eigenvalues",
    "schedule_rate",
    "without_marks",
]

FIGURES = {
    "momentum": {
        "state": momentum_state,
        "update": momentum_update,
        "eigenvalues": momentum_eigenvalues,
        "modes": momentum_modes,
    },
    "clipping": {"update": clipping_update, "slope": clipping_slope},
    "schedule": {"path": schedule_path, "rate": schedule_rate, "update": schedule_update},
    "adaptation": {
        "curve": adaptation_curve,
        "space": adaptation_space,
        "update": adaptation_update,
        "rate": adaptation_rate,
    },
}
