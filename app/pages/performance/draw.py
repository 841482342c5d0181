"""Draws a view of the Performance page: figures, captions and the table."""

from dataclasses import dataclass, field

import plotly.graph_objects as go

from app.pages.performance import captions
from app.pages.performance.data import Results, landscape, outer_curve, results_of
from app.pages.performance.figures.curves import curves_figure
from app.pages.performance.figures.outer import outer_figure
from app.pages.performance.figures.shift import row_height, shift_figure
from app.pages.performance.figures.tuning import tuning_figure
from app.pages.performance.table import Row, orders, rows
from app.pages.performance.task_pictures import SEED, scene
from app.pages.performance.view import View
from app.shared.catalog import TITLES, learned
from app.shared.pages import page
from app.shared.pictures import Data, picture_figure
from app.shared.style import Theme, described, figure
from core.errors import InputError
from core.tasks import SHIPPED, TASKS

CURVES = {task: f"curves-{task}" for task in SHIPPED}
PICTURES = {task: f"picture-{task}" for task in SHIPPED}
FIGURES = (*PICTURES.values(), *CURVES.values(), "outer", "shift")  # the tuning landscape is drawn separately, later
CAPTIONS = (*CURVES.values(), "table", "outer", "shift")
TOGGLED = (*CURVES.values(), "outer", "shift")  # figures in which the legend shows and hides optimizers


@dataclass
class Drawn:
    """The figures, captions and table rows of one view.

    Attributes:
        figures: by name.
        captions: sentences under each figure and the table, by name.
        rows: of the table.
        orders: names of the rows in each order the table can be sorted by.
        snapshots: outer step -> the link that shows it in Explore.
        shift_height: of the out-of-distribution figure in pixels; 0 if there is nothing to draw.
    """

    figures: dict[str, go.Figure] = field(default_factory=dict)
    captions: dict[str, list[str]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    orders: dict[str, list[str]] = field(default_factory=dict)
    snapshots: dict[int, str] = field(default_factory=dict)
    shift_height: int = 0


def nothing(theme: Theme) -> go.Figure:
    """An empty figure."""
    return figure(theme, "nothing", {"visible": False}, {"visible": False}, [])


def draw(view: View, theme: Theme) -> Drawn:
    """Draw a view without its tuning landscape. If data is missing or damaged, the figure is empty and its caption says why."""
    drawn = Drawn()
    for task in SHIPPED:
        _draw_task(drawn, view, theme, task)
    return drawn


def _draw_task(drawn: Drawn, view: View, theme: Theme, task: str) -> None:
    """Draw the task's card, and for the chosen task everything below it except the tuning landscape."""
    curves, picture = CURVES[task], PICTURES[task]
    detailed = task == view.task
    empty = nothing(theme)
    try:
        shown = results_of(task, view.optimizer if detailed else next(iter(learned(task)), ""))
    except InputError as error:
        for name in (curves, picture, *(("outer", "shift") if detailed else ())):
            drawn.figures[name] = empty
        for name in (curves, *(("table", "outer", "shift") if detailed else ())):
            drawn.captions[name] = [str(error)]
        return
    pictured = scene(task, shown.subject.name, shown.subject.snapshots[-1])
    drawn.figures[picture] = described(
        picture_figure(theme, pictured, title=shown.subject.title), _about(task, shown, f"problem seed {SEED}")
    )
    drawn.figures[curves] = described(
        curves_figure(theme, shown.scores, view.shown, shown.subject.title, shown.siblings), _about(task, shown)
    )
    drawn.captions[curves] = captions.curves(shown, not isinstance(pictured, Data))
    if detailed:
        _draw_details(drawn, view, theme, shown)


def _about(task: str, shown: Results, problems: str | None = None) -> str:
    """What a figure shows, in words.

    Args:
        task, shown: of the figure.
        problems: those that it shows, in words, instead of the held-out ones.
    """
    evaluation = shown.evaluation
    snapshot = "" if evaluation.outer_step is None else f", outer step {evaluation.outer_step:,}"
    if problems is None:
        problems = f"{evaluation.problems} held-out problems (seed {evaluation.seed})"
    return f"{TASKS[task].title}, {shown.subject.title}{snapshot}, {problems}"


def _draw_details(drawn: Drawn, view: View, theme: Theme, shown: Results) -> None:
    drawn.rows = rows(shown.scores, shown.subject.title)
    drawn.orders = orders(drawn.rows)
    drawn.captions["table"] = captions.table(shown)
    entries = {"task": view.task, "optimizer": view.optimizer}
    drawn.snapshots = {
        step: page("explore").address({**entries, "outer_step": str(step)}) for step in shown.subject.snapshots
    }
    siblings = [outer_curve(view.task, name) for name in shown.siblings]
    drawn.figures["outer"] = described(
        outer_figure(theme, shown.subject, shown.curve, drawn.snapshots, shown.evaluation, view.shown, siblings),
        _about(view.task, shown),
    )
    drawn.captions["outer"] = captions.outer(shown)
    if shown.generalization is None:
        name = shown.subject.name
        drawn.figures["shift"] = nothing(theme)
        command = f"loptscope evaluate --run {name} --out-of-distribution --save"
        drawn.captions["shift"] = [f"{shown.subject.title} has not been evaluated out of distribution yet ({command})."]
    else:
        count = captions.problems_of(shown.generalization)
        about = _about(view.task, shown, f"{count} problems a condition (seed {shown.generalization.seed})")
        drawn.figures["shift"] = described(
            shift_figure(theme, shown.generalization, view.shown, shown.subject.title), about
        )
        drawn.captions["shift"] = captions.shift(shown.generalization, shown.subject.title)
        drawn.shift_height = row_height(len(shown.generalization.conditions))


def draw_tuning(view: View, theme: Theme) -> tuple[go.Figure, list[str]]:
    """The tuning landscape and its caption. It has thousands of points, so it is drawn after the rest."""
    try:
        searched, shown = landscape(view.task, view.baseline), results_of(view.task, view.optimizer)
    except InputError as error:
        return nothing(theme), [str(error)]
    ours = shown.evaluation.optimizers["learned"].meta_loss.mean
    made = tuning_figure(theme, searched.tuned, searched.draws, ours, shown.subject.title)
    about = f"{TASKS[view.task].title}, {TITLES[view.baseline]}, {searched.tuned.draws:,} draws"
    return described(made, about), captions.tuning(searched, shown)
