"""A chapter of the Guide, drawn: its figures, the sentences under them with their numbers, and where each figure comes from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go

from app.pages.explore import view as explore
from app.pages.guide.descent import FASTEST, descend, fastest, rate_at
from app.pages.guide.figures import bars_figure, descent_figure
from app.pages.guide.story import LAST
from app.pages.mechanisms import draw as mechanisms
from app.pages.mechanisms.view import VIEWS
from app.pages.mechanisms.view import parse as parse_mechanisms
from app.pages.mechanisms.view import to_query as mechanisms_query
from app.pages.performance import captions
from app.pages.performance.data import learned, results_of
from app.pages.performance.draw import CURVES, explore_link
from app.pages.performance.figures.curves import curves_figure, picture_figure
from app.pages.performance.figures.outer import outer_figure
from app.pages.performance.view import OPTIMIZERS
from app.pages.performance.view import parse as parse_performance
from app.pages.performance.view import to_query as performance_query
from app.shared.catalog import Subject
from app.shared.mechanisms.portrait import LIT, MOVING
from app.shared.mechanisms.stills import MOVES, still
from app.shared.numbers import counted, fraction, number
from app.shared.style import Theme
from core.tasks import TASKS

SHOWN = {  # figures of the Mechanisms page that a chapter shows
    "momentum": ("eigenvalues", "update"),
    "clipping": ("update", "slope"),
    "schedule": ("rate", "path"),
    "adaptation": ("curve", "rate"),
    "ablations": ("bars", "curves"),
}
FIRST = {
    ("momentum", "eigenvalues"): 1
}  # sentence from which on a caption holds here: before, it asks to point at things


@dataclass(frozen=True)
class Shown:
    """One figure.

    Attributes:
        name: of the figure, as on its page.
        title: above it.
        figure: itself.
        sentences: under it.
        page: the page it comes from, empty if only the Guide has it.
        query: the link of that page's view, for its menu.
    """

    name: str
    title: str
    figure: go.Figure
    sentences: Sequence[str]
    page: str = ""
    query: str = ""


@dataclass(frozen=True)
class Drawn:
    """A chapter's figures, where they come from, and its sliders' values in words."""

    figures: list[Shown]
    links: dict[str, str]
    readouts: list[str] = field(default_factory=list)


def subject_of(task: str) -> Subject:
    """The learned optimizer that the Guide looks at on a task: the default one."""
    return next(iter(learned(task).values()))


def address(page: str, query: str) -> str:
    """A page's address with its link."""
    return page + (f"?{query}" if query else "")


def _descent(task: str, positions: Sequence[int], theme: Theme) -> Drawn:
    rate, momentum = rate_at(positions[0], LAST), round(FASTEST * positions[1] / LAST, 3)
    ran = descend(rate, momentum)
    flat, steep = ran.factors
    ends = (
        f"Every step multiplies what is left by {fraction(float(flat))} along the flat direction (curvature "
        f"{number(float(ran.curvatures[0]), 2)}) and by {fraction(float(steep))} along the steep one "
        f"({number(float(ran.curvatures[1]), 2)})"
    )
    worst = float(max(ran.factors))
    tau = f"a time constant of {number(-1 / np.log(worst), 2)} steps" if worst < 1 else "so it does not converge"
    best = fastest((float(ran.curvatures[0]), float(ran.curvatures[1])))
    sentences = [
        f"{ends}: {tau}.",
        f"The best setting for these two curvatures is α = {number(best[0])}, β = {number(best[1])}.",
    ]
    last = float(ran.losses[-1] / ran.losses[0])
    loss = (
        f"After {len(ran.losses) - 1} steps the loss is {number(last, 2)} times the first."
        if np.isfinite(last)
        else ("The loss is no longer finite.")
    )
    view, _ = explore.parse({"task": task, "optimizer": "momentum", "shown": "momentum,sgd"})
    return Drawn(
        [
            Shown("path", "The path down", picture_figure(theme, ran.scene, "momentum"), sentences),
            Shown("run", "Loss and velocity", descent_figure(theme, ran.losses, ran.velocity), [loss]),
        ],
        {f"Open tuned momentum on {TASKS[task].title} in Explore": address("/", explore.to_query(view))},
        [f"α = {number(rate)}", f"β = {momentum:g}"],
    )


def _learned(task: str, positions: Sequence[int], theme: Theme) -> Drawn:
    subject = subject_of(task)
    step = subject.snapshots[round(positions[0] / LAST * (len(subject.snapshots) - 1))]
    query = _mechanisms_query(task, "clipping", LAST // 2, step)
    (side,) = mechanisms.draw(parse_mechanisms(query)[0], theme)
    where = "At h₀ (dotted) and at h* (solid), over the density of the gradients met by this snapshot."
    found = results_of(task, subject.name)
    training = outer_figure(theme, found.curve, {}, found.evaluation, OPTIMIZERS)
    training.add_vline(x=max(step, 0.5), line={"color": theme.text, "width": 1.4, "dash": "dash"})
    sentences = (
        f"Meta-loss of {counted(len(found.curve.outer_step), 'outer step')} (faint) and its running median, thin for other "
        "seeds; the straight lines are what tuned optimizers reach, the dashed one is where you are."
    )
    page = _performance_query(task)
    return Drawn(
        [
            Shown(
                "update",
                "Update function",
                side.figures["update"],
                [where, side.captions["update"][1]],
                "mechanisms",
                query,
            ),
            Shown("outer", "Outer training", training, [sentences, captions.outer(found)[1]], "performance", page),
        ],
        {
            "Open this snapshot in Explore": explore_link(task, subject.name, step),
            "Open outer training in Performance": address("/performance", page),
        },
        [f"{step:,} of {subject.snapshots[-1]:,}"],
    )


def _performance_query(task: str) -> str:
    return performance_query(parse_performance({"task": task})[0])


def _win(task: str, positions: Sequence[int], theme: Theme) -> Drawn:
    found, query = results_of(task, subject_of(task).name), _performance_query(task)
    curves = curves_figure(theme, found.evaluation, OPTIMIZERS, found.siblings)
    problems = counted(found.evaluation.problems, "held-out problem")
    bars = f"Mean meta-loss over {problems}, the best on top, with one standard error."
    sentences = f"Mean loss as a share of the first over {problems}; bands are one standard error."
    return Drawn(
        [
            Shown("bars", "Meta-loss", bars_figure(theme, found.evaluation), [bars]),
            Shown(CURVES[task], "Loss", curves, [sentences, captions.curves(found, False)[1]], "performance", query),
        ],
        {"Open in Performance": address("/performance", query)},
    )


def _mechanisms_query(task: str, view: str, position: int, step: int | None = None) -> str:
    asked = {"task": task, "versus": "none", "view": view, "position": str(position)}
    return mechanisms_query(parse_mechanisms(asked | ({} if step is None else {"outer_step": str(step)}))[0])


def _readout(view: str, moves: dict[str, dict[str, tuple[object, ...]]], share: float) -> list[str]:
    """The slider's value in words, from what it moves."""
    if view == "momentum":
        return [f"{round(200 * share - 100)} % of the range met".replace("-", "−")]
    where = {"clipping": ("slope", MOVING, 1), "schedule": ("rate", LIT, 0), "adaptation": ("rate", LIT, 0)}
    if view not in where or not moves:
        return ["nothing moves"] if view in where else []
    figure, trace, index = where[view]
    x, y = (np.asarray(values, dtype=float) for values in moves[figure][trace][:2])
    if view == "schedule":
        return [f"step {int(x[0])}, rate {number(float(y[0]))}"]
    return [f"|g| = {number(float(x[index]))}" + ("" if view == "clipping" else f", rate {number(float(y[index]))}")]


def _mechanism(view: str) -> Callable[[str, Sequence[int], Theme], Drawn]:
    def make(task: str, positions: Sequence[int], theme: Theme) -> Drawn:
        position = positions[0] if positions else LAST // 2
        query = _mechanisms_query(task, view, position)
        (side,) = mechanisms.draw(parse_mechanisms(query)[0], theme)
        figures = []
        for name in SHOWN[view]:
            made = still(view, name, side.figures[name], side.client_arrays, 1, position)
            title, sentences = mechanisms.HEADINGS[view][name], side.captions[name][FIRST.get((view, name), 0) :]
            figures.append(Shown(name, title, made, sentences, "mechanisms", query))
        moves = MOVES[view](side.client_arrays, 1, position / LAST)
        link = {f"Open {VIEWS[view].lower()} in Mechanisms": address("/mechanisms", query)}
        return Drawn(figures, link, _readout(view, moves, position / LAST))

    return make


DRAW: dict[str, Callable[[str, Sequence[int], Theme], Drawn]] = {
    "descent": _descent,
    "learned": _learned,
    "win": _win,
    **{view: _mechanism(view) for view in SHOWN},
}


def draw(chapter: str, task: str, positions: Sequence[int], theme: Theme) -> Drawn:
    """Draw a chapter.

    Args:
        chapter: its name.
        task: whose optimizers are shown.
        positions: of its sliders, 0 to `LAST`.
        theme: light or dark.

    Raises:
        InputError: what it shows is missing or damaged.
    """
    return DRAW[chapter](task, positions, theme)
