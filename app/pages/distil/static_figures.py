"""The figures of a view of Distil, for exports and notebooks."""

from collections.abc import Sequence
from functools import partial

from app.pages.distil import captions
from app.pages.distil.data import distilled, instruments_of, originals_of
from app.pages.distil.figures import (
    DISAGREEMENTS,
    contributions_figure,
    curves_figure,
    disagreement_figure,
    ladder_figure,
    overlay_figures,
)
from app.pages.distil.view import View, formula_of, rung_of
from app.shared.pages import Figures, PageFigure
from app.shared.style import Theme
from core.errors import InputError


def static_figures(view: View, theme: Theme) -> Sequence[Figures]:
    """The figures by name.

    Raises:
        InputError: the optimizer has not been distilled.
    """
    result = distilled(view.task, view.optimizer)
    if result is None:
        raise InputError(f"{view.optimizer} has not been distilled yet (loptscope distil --run {view.optimizer})")
    rung = rung_of(view, result)
    formula, originals = formula_of(view, result), originals_of(result)
    made = instruments_of(formula, result, originals)
    overlays = overlay_figures(theme, result, originals, made)
    figures = {
        "ladder": PageFigure("The ladder", lambda: ladder_figure(theme, result, rung), lambda: captions.ladder(result)),
        "contributions": PageFigure(
            "Contributions",
            lambda: contributions_figure(theme, result, rung),
            lambda: captions.contributions(result, rung),
            legend=bool(rung.ablations),
        ),
        "curves": PageFigure(
            "Held-out curves",
            lambda: curves_figure(theme, result, originals, made.curve),
            legend=True,
        ),
    }
    figures |= {name: PageFigure(name, partial(overlays.__getitem__, name), legend=True) for name in overlays}
    figures |= {
        f"disagreement_{name}": PageFigure(
            f"Disagreement by {title}", partial(disagreement_figure, theme, result, name), legend=True
        )
        for name, title in DISAGREEMENTS.items()
    }
    return [figures]
