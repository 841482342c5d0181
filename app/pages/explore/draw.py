"""Draws a view of the Explore page: one column of figures for each optimizer, and a description of what moves over them."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import plotly.graph_objects as go

from app.pages.explore.bundles import Source, bundle_bytes, source_of
from app.pages.explore.figures import Drawing
from app.pages.explore.panels import PANELS
from app.pages.explore.view import KEPT_BY_BROWSER, View, columns, to_query
from app.shared.catalog import TITLES, Subject, reference_rate, subjects
from app.shared.evaluations import stored
from app.shared.fields import write_choice
from app.shared.style import GRAPH_CONFIG, LEARNED_COLORS, LIGHT, OPTIMIZER_COLORS, THEMES, Theme
from core.bundle import Bundle
from core.evaluation.held_out import Score
from core.tasks import TASKS


@dataclass(frozen=True)
class Column:
    """One optimizer of a view.

    Attributes:
        view: with this optimizer first.
        subject: the optimizer.
        source: where its bundle comes from.
        drawing: what its figures share.
        keys: of its figures, by panel; figures with the same key are the same.
    """

    view: View
    subject: Subject
    source: Source
    drawing: Drawing
    keys: dict[str, str]

    @functools.cached_property
    def figures(self) -> dict[str, go.Figure]:
        """Every figure, by panel."""
        return self.changed({})

    def changed(self, drawn: Mapping[str, str]) -> dict[str, go.Figure]:
        """The figures that are not among those drawn already, by panel.

        Args:
            drawn: the keys of those, by panel.
        """
        return {
            name: panel.draw(self.drawing, self.keys[name])
            for name, panel in PANELS.items()
            if drawn.get(name) != self.keys[name]
        }

    @property
    def title(self) -> str:
        """The heading above its panels, also used in legends."""
        return self.drawing.titles[self.drawing.optimizers[0]]


@dataclass(frozen=True)
class Drawn:
    """A drawn view for the browser: its columns, what moves over them, and the notices about it."""

    columns: list[Column]
    description: dict[str, Any]
    notices: list[str]

    @property
    def figures(self) -> dict[str, go.Figure]:
        """The figures of the first optimizer, by panel."""
        return self.columns[0].figures


def _title(view: View, subject: Subject) -> str:
    """An optimizer's title; it includes the outer step if the view has several optimizers."""
    if subject.run is None:
        return TITLES.get(subject.name, subject.title)
    return f"{subject.title}, outer step {view.outer_step:,}" if view.compare else subject.title


def _about(view: View, subject: Subject) -> str:
    """What a column shows, in words."""
    snapshot = "" if view.outer_step is None else f", outer step {view.outer_step:,}"
    start = "" if view.start is None else f" from ({view.start[0]:g}, {view.start[1]:g})"
    return f"{TASKS[view.task].title}, {subject.title}{snapshot}, problem seed {view.seed}{start}"


def _held_out(view: View, subject: Subject) -> dict[str, Score]:
    """Loss curves over held-out problems by the names in the bundle: of the baselines, and of every learned optimizer at its scored snapshot."""
    known = subjects(view.task)
    found: dict[str, Score] = {}
    chosen = [(subject.key, view.optimizer, view.outer_step)]
    chosen += [(write_choice(choice), *choice) for choice in view.compare]
    runs = [one for one in (known[name].run for _, name, _ in chosen) if one is not None]
    runs += [one.run for one in known.values() if one.run is not None][:1]  # whose comparison has the baselines, too
    for compared in map(stored, runs):
        if compared is not None:
            found = {**{name: score for name, score in compared.optimizers.items() if name != "learned"}, **found}
    for row, name, outer_step in chosen:
        run = known[name].run
        compared = None if run is None else stored(run)
        if compared is not None and compared.outer_step == outer_step:
            found[row] = compared.optimizers["learned"]
    return found


def draw(view: View, scheme: str) -> Drawn:
    """Describe a view, its static figures (drawn when they are asked for) and where the browser gets the data of what moves.

    Args:
        view: the view.
        scheme: "light" or "dark".

    Raises:
        InputError: a file of an optimizer is damaged.
    """
    theme = THEMES.get(scheme, LIGHT)
    views = columns(view)
    known = subjects(view.task)
    found = [bundle_bytes(one) for one in views]
    bundles = [Bundle.decode(content) for _, content in found]
    titles, hues = dict(TITLES), dict(OPTIMIZER_COLORS)
    learned = iter(LEARNED_COLORS)
    for one in views:
        name, subject = write_choice((one.optimizer, one.outer_step)), known[one.optimizer]
        titles[name] = _title(one, subject)
        hues[name] = next(learned) if subject.key == "learned" else OPTIMIZER_COLORS[subject.key]
    if view.own:
        titles[view.own], hues[view.own] = known[view.own].title, OPTIMIZER_COLORS["own"]
    made = [
        _column(one, known[one.optimizer], source, bundle, bundles, theme, titles, hues)
        for one, (source, _), bundle in zip(views, found, bundles, strict=True)
    ]
    first, *others = [_describe(column) for column in made]
    figures = [{name: figure.to_plotly_json() for name, figure in column.figures.items()} for column in made[1:]]
    description = {
        **first,
        "query": to_query(view, leave_out=KEPT_BY_BROWSER),
        "config": GRAPH_CONFIG,
        "beside": [{**one, "figures": drawn} for one, drawn in zip(others, figures, strict=True)],
    }
    return Drawn(made, description, [sentence for column in made for sentence in _notices(column)])


def _column(
    view: View,
    subject: Subject,
    source: Source,
    bundle: Bundle,
    bundles: list[Bundle],
    theme: Theme,
    titles: Mapping[str, str],
    hues: Mapping[str, str],
) -> Column:
    own = write_choice((view.optimizer, view.outer_step))
    beside = {subject.key, *view.baselines, view.own, *map(write_choice, view.compare)}
    drawing = Drawing(
        bundle=bundle,
        key=source.key,
        theme=theme,
        optimizers=[name for name in bundle.about["optimizers"] if name in beside],
        components=view.components,
        symlog=view.axis == "symlog",
        sgd_rate=reference_rate(view.task),
        titles={**titles, subject.key: titles[own]},
        hues={**hues, subject.key: hues[own]},
        beside=bundles,
        about=_about(view, subject),
        held_out=_held_out(view, subject) if view.band == "on" else {},
    )
    return Column(view, subject, source, drawing, _keys(view, source, theme))


def _keys(view: View, source: Source, theme: Theme) -> dict[str, str]:
    """For each panel a hash of everything that its figure depends on."""
    nothing: dict[str, Any] = {"own": "", "baselines": ()}  # what bundles depend on, and some figures do not
    known, keys = {view: source.key}, {}
    for name, panel in PANELS.items():
        made_of = replace(view, **{field: none for field, none in nothing.items() if field in panel.ignores})
        if made_of not in known:
            known[made_of] = source_of(made_of).key
        shown = to_query(view, leave_out=(*KEPT_BY_BROWSER, *panel.ignores))
        keys[name] = hashlib.sha256(f"{known[made_of]} {theme.name} {shown}".encode()).hexdigest()[:32]
    return keys


def _describe(column: Column) -> dict[str, Any]:
    """What the browser needs to draw what moves in one column."""
    drawing, source = column.drawing, column.source
    theme = drawing.theme
    return {
        "key": source.key,
        "bundle": f"/api/bundles/{source.key}.safetensors" + (f"?{source.query}" if source.query else ""),
        "title": column.title,
        "detail": column.subject.detail_at(column.view.outer_step),
        "color": drawing.hues[drawing.optimizers[0]],
        "optimizers": [
            {
                "name": name,
                "title": drawing.titles[name],
                "row": drawing.row(name),
                "color": drawing.hues[name],
            }
            for name in drawing.optimizers
        ],
        "components": [
            {"index": index, "name": drawing.bundle.about["components"][index], "color": color}
            for index, color in zip(drawing.components, drawing.colors(), strict=True)
        ],
        "moving": {name: {"figure": column.keys[name], **panel.describe(drawing)} for name, panel in PANELS.items()},
        "muted": theme.muted,
        "theme": theme.name,
    }


def _notices(column: Column) -> list[str]:
    about, titles = column.drawing.bundle.about, column.drawing.titles
    alone = not column.view.compare
    sentences = [
        f"{titles[name]} diverges on this problem: its loss is not finite from inner step {step} onwards."
        for name, step in about["first_nonfinite"].items()
        if step is not None and name in (column.drawing.optimizers if alone else column.drawing.optimizers[:1])
    ]
    if about["nonfinite_gradients"]:
        whose = "" if alone else f" of {column.title}"
        sentences.append(
            f"{about['nonfinite_gradients']:,} of {about['gradients']:,} gradients{whose} are not finite and are not drawn."
        )
    return sentences
