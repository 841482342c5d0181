"""The panels of Explore, in the order of the page: one row holds all that is particular to one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from app.pages.explore import figures, marks
from app.pages.explore.figures import Drawing
from app.shared.mark_traces import Moment, add_marks
from app.shared.marks import STEPS, Chip, Mark
from app.shared.style import described

BESIDE = ("baselines", "own", "band")  # fields that say what is drawn beside the chosen optimizer
OF_COMPONENTS = ("components", "axis")


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        name: in links and in the ids of the page.
        title: above its figure.
        chip: what the control that hides it calls it.
        about: one sentence for screen readers and the title's tooltip.
        figure: draws what does not move.
        marks: what moves.
        legend: the chips above it.
        spread: whether its horizontal axis is the gradient's, on which values may be spread.
        note: a sentence under its legend.
        startable: whether a click on it chooses the start, where the problem allows that.
        ignores: the fields of a view that its figure does not depend on.
    """

    name: str
    title: str
    chip: str
    about: str
    figure: Callable[[Drawing], go.Figure]
    marks: Callable[[Drawing], Sequence[Mark]]
    legend: Callable[[Drawing], Sequence[Chip]]
    spread: bool = False
    note: str = ""
    startable: bool = False
    ignores: Sequence[str] = ()

    def draw(self, drawing: Drawing, key: str = "") -> go.Figure:
        """What does not move, with what it is of.

        Args:
            drawing: what is drawn.
            key: covers everything that the figure depends on; that of the view if it is empty.
        """
        made = described(self.figure(drawing), drawing.about)
        made.layout.meta = {**made.layout.meta, "key": key or drawing.key}
        return made

    def describe(self, drawing: Drawing) -> dict[str, Any]:
        """What the browser needs to draw what moves in it."""
        return {
            "marks": [mark.describe() for mark in self.marks(drawing)],
            "legend": [chip.describe() for chip in self.legend(drawing)],
            "spread": drawing.scale if self.spread and drawing.symlog else None,
            "startable": self.startable and drawing.bundle.about["startable"],
        }

    def at_step(self, drawing: Drawing, step: int) -> go.Figure:
        """The figure as it looks at one inner step, with a legend.

        Args:
            drawing: what is drawn.
            step: inner step, 0 … K.
        """
        figure = self.draw(drawing)
        arrays = {**drawing.bundle.arrays, STEPS: drawing.steps}
        spread = drawing.spread if self.spread else lambda values: values
        add_marks(Moment(figure, arrays, step, spread, drawing.theme.surface), self.marks(drawing))
        surface = drawing.theme.surface
        figure.update_layout(showlegend=True, paper_bgcolor=surface, plot_bgcolor=surface)
        return figure


_ROWS = (
    Panel(
        name="loss",
        title="Loss",
        chip="loss",
        about="loss of every optimizer on this problem, log scale",
        figure=figures.loss_figure,
        marks=marks.loss_marks,
        legend=marks.loss_chips,
        ignores=OF_COMPONENTS,
        note="In brackets: the meta-loss here, the mean of f(xₖ)/f(x₀) over all steps. Optimizers are judged by it, not by the last loss.",
    ),
    Panel(
        name="landscape",
        title="Landscape",
        chip="landscape",
        about="the paths of the optimizers, or the decisions of the classifier being trained",
        figure=figures.landscape_figure,
        marks=marks.landscape_marks,
        legend=marks.landscape_chips,
        startable=True,
        ignores=("own", "band", *OF_COMPONENTS),
    ),
    Panel(
        name="state",
        title="State space",
        chip="state",
        about="the optimizer's state of each component, in the first two principal components",
        figure=figures.state_figure,
        marks=marks.state_marks,
        legend=marks.state_chips,
        ignores=(*BESIDE, "axis"),
    ),
    Panel(
        name="update",
        title="Update function",
        chip="update",
        about="the update as a function of the gradient, at this step's state",
        figure=figures.update_figure,
        marks=marks.update_marks,
        legend=marks.update_chips,
        spread=True,
        ignores=BESIDE,
    ),
    Panel(
        name="gradient",
        title="Gradients",
        chip="gradients",
        about="density of the gradients so far (filled) and of the whole run (outline)",
        figure=figures.gradient_figure,
        marks=marks.gradient_marks,
        legend=marks.gradient_chips,
        spread=True,
        ignores=(*BESIDE, "components"),
    ),
    Panel(
        name="rate",
        title="Effective learning rate",
        chip="rate",
        about="minus the slope of the update function at gradient zero",
        figure=figures.rate_figure,
        marks=marks.rate_marks,
        legend=marks.rate_chips,
        ignores=("band", "axis"),
    ),
)
PANELS = {panel.name: panel for panel in _ROWS}
