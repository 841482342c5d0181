"""Draws a chapter of the Guide: its figures, their captions with numbers, and links to the pages they come from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go

from app.pages.guide.descent import FASTEST, descend, fastest, rate_at
from app.pages.guide.figures import bars_figure, descent_figure
from app.pages.guide.story import LAST
from app.shared.catalog import Subject, some_learned
from app.shared.evaluations import evaluation_of
from app.shared.mechanisms import MECHANISMS
from app.shared.numbers import counted, fraction, number
from app.shared.pages import page
from app.shared.pictures import picture_figure
from app.shared.style import Theme
from core.tasks import TASKS

SHOWN = {  # figures of the Mechanisms page that a chapter shows
    "momentum": ("kernel", "update"),
    "clipping": ("update", "slope"),
    "schedule": ("rate", "path"),
    "adaptation": ("curve", "rate"),
    "ablations": ("ratios", "curves"),
    "closed_loop": ("rate", "descent"),
}


@dataclass(frozen=True)
class Shown:
    """One figure.

    Attributes:
        name: of the figure on its page.
        title: above it.
        figure: the Plotly figure.
        sentences: the caption.
        page: the page it comes from; empty if only the Guide has it.
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
    """A chapter's figures, the links to their pages, and the texts of its sliders."""

    figures: list[Shown]
    links: dict[str, str]
    readouts: list[str] = field(default_factory=list)


def subject_of(task: str) -> Subject:
    """The learned optimizer that the Guide shows for a task: the default one.

    Raises:
        InputError: the task has none.
    """
    return next(iter(some_learned(task).values()))


def _descent(task: str, positions: Sequence[int], theme: Theme) -> Drawn:
    rate, momentum = rate_at(positions[0], LAST), round(FASTEST * positions[1] / LAST, 3)
    run = descend(rate, momentum)
    flat, steep = run.factors
    ends = (
        f"Every step multiplies the remaining distance by {fraction(float(flat))} along the flat direction (curvature "
        f"{number(float(run.curvatures[0]), 2)}) and by {fraction(float(steep))} along the steep one "
        f"({number(float(run.curvatures[1]), 2)})"
    )
    worst = float(max(run.factors))
    tau = f"a time constant of {number(-1 / np.log(worst), 2)} steps" if worst < 1 else "so it does not converge"
    best = fastest((float(run.curvatures[0]), float(run.curvatures[1])))
    sentences = [
        f"{ends}: {tau}.",
        f"The best setting for these two curvatures is α = {number(best[0])}, β = {number(best[1])}.",
    ]
    last = float(run.losses[-1] / run.losses[0])
    loss = (
        f"After {len(run.losses) - 1} steps the loss is {number(last, 2)} times the first."
        if np.isfinite(last)
        else ("The loss is no longer finite.")
    )
    address = page("explore").address({"task": task, "optimizer": "momentum", "baselines": "momentum"})
    return Drawn(
        [
            Shown("path", "The path down", picture_figure(theme, run.scene, "momentum"), sentences),
            Shown("run", "Loss and velocity", descent_figure(theme, run.losses, run.velocity), [loss]),
        ],
        {f"Open tuned momentum on {TASKS[task].title} in Explore": address},
        [f"α = {number(rate)}", f"β = {momentum:g}"],
    )


def _learned(task: str, positions: Sequence[int], theme: Theme) -> Drawn:
    subject = subject_of(task)
    step = subject.snapshots[round(positions[0] / LAST * (len(subject.snapshots) - 1))]
    query = _mechanisms_query(task, "clipping", LAST // 2, step)
    update = page("mechanisms").open(query, theme)["update"]
    where = "At h₀ (dotted) and at h* (solid), over the density of the gradients observed with this snapshot."
    outer = page("performance").open({"task": task}, theme)["outer"]
    training = outer.draw()
    training.add_vline(x=max(step, 0.5), line={"color": theme.text, "width": 1.4, "dash": "dash"})
    sentence = (
        f"Meta-loss of {counted(subject.snapshots[-1], 'outer step')} (faint) and its running median, with other seeds as "
        "thin lines; the straight lines are the tuned optimizers, and the dashed line is your position."
    )
    return Drawn(
        [
            Shown(
                "update",
                "Update function",
                update.draw(),
                [where, update.caption()[1]],
                "mechanisms",
                query,
            ),
            Shown(
                "outer",
                "Outer training",
                training,
                [sentence, outer.caption()[1]],
                "performance",
                page("performance").query({"task": task}),
            ),
        ],
        {
            "Open this snapshot in Explore": page("explore").address(
                {"task": task, "optimizer": subject.name, "outer_step": str(step)}
            ),
            "Open outer training in Performance": page("performance").address({"task": task}),
        },
        [f"{step:,} of {subject.snapshots[-1]:,}"],
    )


def _win(task: str, positions: Sequence[int], theme: Theme) -> Drawn:
    run = subject_of(task).run
    assert run is not None
    evaluation, name = evaluation_of(run), f"curves-{task}"
    curves = page("performance").open({"task": task}, theme)[name]
    problems = counted(evaluation.problems, "held-out problem")
    bars = f"Mean meta-loss over {problems}, the best at the top, with one standard error."
    sentence = f"Mean loss relative to the first over {problems}; bands are one standard error."
    return Drawn(
        [
            Shown("bars", "Meta-loss", bars_figure(theme, evaluation), [bars]),
            Shown(
                name,
                "Loss",
                curves.draw(),
                [sentence, curves.caption()[1]],
                "performance",
                page("performance").query({"task": task}),
            ),
        ],
        {"Open in Performance": page("performance").address({"task": task})},
    )


def _mechanisms_query(task: str, view: str, position: int, step: int | None = None) -> str:
    entries = {"task": task, "versus": "none", "view": view, "position": str(position)}
    return page("mechanisms").query(entries | ({} if step is None else {"outer_step": str(step)}))


def _mechanism(view: str) -> Callable[[str, Sequence[int], Theme], Drawn]:
    def make(task: str, positions: Sequence[int], theme: Theme) -> Drawn:
        position = positions[0] if positions else LAST // 2
        subject_of(task)  # without a learned optimizer the page would show a hand-designed one
        query = _mechanisms_query(task, view, position)
        originals = page("mechanisms").open(query, theme)
        figures = [
            Shown(
                name,
                originals[name].title,
                originals[name].draw(),
                originals[name].caption(),
                "mechanisms",
                query,
            )
            for name in SHOWN[view]
        ]
        link = {f"Open {MECHANISMS[view].title.lower()} in Mechanisms": f"{page('mechanisms').path}?{query}"}
        reading = originals[SHOWN[view][0]].reading()
        return Drawn(figures, link, [reading] if reading else [])

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
        task: the task whose optimizers are shown.
        positions: of its sliders, 0 to `LAST`.
        theme: light or dark.

    Raises:
        InputError: data of its figures is missing or damaged.
    """
    return DRAW[chapter](task, positions, theme)
