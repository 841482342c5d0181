"""A view of the Mechanisms page, drawn: for each optimizer its figures, the sentences under them, and what the browser moves."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.pages.mechanisms.data import measured
from app.pages.mechanisms.view import View
from app.shared.catalog import TITLES, Subject, subjects
from app.shared.mechanisms import FIGURES as MECHANISMS
from app.shared.mechanisms import Portrait
from app.shared.mechanisms.ablation import ablation_bars, ablation_curves
from app.shared.mechanisms.captions import CAPTIONS
from app.shared.style import OPTIMIZER_COLORS, Theme
from core.bundle import Bundle
from core.tasks import make_task
from core.tasks.linear_regression import LinearRegression

HEADINGS = {
    "momentum": {
        "state": "State space",
        "update": "Update functions along a mode",
        "eigenvalues": "Eigenvalues",
        "modes": "Modes as momentum",
    },
    "clipping": {"update": "Update function", "slope": "Local learning rate"},
    "schedule": {"path": "Autonomous trajectory", "rate": "The schedule it carries", "update": "Update function"},
    "adaptation": {
        "curve": "The S-curve",
        "space": "The S-curve in three dimensions",
        "update": "Update function on it",
        "rate": "Learning rate along both arms",
    },
    "ablations": {"curves": "Loss curves", "bars": "Meta-loss, one mechanism off"},
}
MOVED = {  # arrays the browser needs to move things, by view
    "momentum": ("gradients", "updates", "directions", "fixed_point", "shifts", "eigenvalues", "rates"),
    "clipping": ("gradients", "sizes", "slope_at_zero"),
    "schedule": ("path", "rates", "gradients", "updates"),
    "adaptation": ("g", "curve", "rates", "chosen", "gradients", "updates"),
    "ablations": (),
}
FIGURES = {**MECHANISMS, "ablations": {"curves": ablation_curves, "bars": ablation_bars}}
SECOND = "#5b5bd6"  # of a learned optimizer beside another one: one colour, one optimizer


@dataclass(frozen=True)
class Side:
    """One optimizer of a view.

    Attributes:
        title, detail: as in menus.
        color: the optimizer's.
        figures: by name.
        captions: sentences by name.
        moved: arrays for the browser, as lists, and their scale.
    """

    title: str
    detail: str
    color: str
    figures: dict[str, go.Figure]
    captions: dict[str, list[str]]
    client_arrays: dict[str, Any]


def best_momentum(task: str) -> tuple[float, float] | None:
    """Learning rate and decay that are best for a quadratic with the task's curvatures, if it has them (Polyak 1964)."""
    made = make_task(task)
    if not isinstance(made, LinearRegression):
        return None
    low, high = made.smallest_eigenvalue**0.5, made.largest_eigenvalue**0.5
    return 4 / (high + low) ** 2, ((high - low) / (high + low)) ** 2


def marks_of(task: str) -> dict[str, tuple[float, float]]:
    """What modes are compared with: tuned momentum, and the best for the task's curvatures."""
    values = subjects(task)["momentum"].hyperparameters
    marks = {"tuned momentum": (values["learning_rate"], values["momentum"])}
    best = best_momentum(task)
    return marks | ({"best for these curvatures": best} if best is not None else {})


def _lists(bundle: Bundle, names: tuple[str, ...]) -> dict[str, Any]:
    """Arrays as nested lists of four digits; what is not finite as None."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return float(f"{value:.4g}") if np.isfinite(value) else None

    arrays = {name: plain(bundle.arrays[name].tolist()) for name in names if name in bundle.arrays}
    return {**arrays, "scale": bundle.about["scale"], "modes": bundle.about.get("modes", 0)}


def _rivals(view: View) -> dict[str, tuple[Bundle, str]]:
    if view.view != "adaptation":
        return {}
    return {TITLES[n]: (measured(view.task, n, None, view.view), OPTIMIZER_COLORS[n]) for n in ("rmsprop", "adam")}


def _side(view: View, subject: Subject, outer_step: int | None, color: str, theme: Theme) -> Side:
    bundle = measured(view.task, subject.name, outer_step, view.view)
    marks = marks_of(view.task)
    key = hashlib.sha256(f"{view.task} {view.view} {subject.name}".encode()).hexdigest()[:16]
    portrait = Portrait(bundle, color, theme, key, marks, _rivals(view))
    return Side(
        title=subject.title,
        detail=subject.detail,
        color=color,
        figures={name: make(portrait) for name, make in FIGURES[view.view].items()},
        captions={name: say(bundle, marks) for name, say in CAPTIONS[view.view].items()},
        client_arrays=_lists(bundle, MOVED[view.view]),
    )


def draw(view: View, theme: Theme) -> list[Side]:
    """One or two sides."""
    known = subjects(view.task)
    first = known[view.optimizer]
    sides = [_side(view, first, view.outer_step, OPTIMIZER_COLORS[first.key], theme)]
    if view.versus != "none":
        other = known[view.versus]
        color = SECOND if other.key == first.key == "learned" else OPTIMIZER_COLORS[other.key]
        sides.append(_side(view, other, max(other.snapshots, default=None), color, theme))
    return sides
