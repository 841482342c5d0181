"""Every chapter's figures, their numbers and the views they link to."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from dash import Dash

import app.pages.explore.view as explore
import app.pages.mechanisms.view as mechanisms
import app.pages.performance.view as performance
from app.pages.guide.draw import DRAW, SHOWN, Drawn, draw, subject_of
from app.pages.guide.story import CHAPTERS
from app.pages.mechanisms.data import measured
from app.pages.performance.data import results_of
from app.shared.mechanisms import MECHANISMS
from app.shared.numbers import number
from app.shared.style import DARK, LIGHT, OPTIMIZER_COLORS
from core.tasks import TASKS
from tests.cases import some_always

PARSE: dict[str, Callable[..., tuple[object, list[str]]]] = {
    "/": explore.parse,
    "/mechanisms": mechanisms.parse,
    "/performance": performance.parse,
}
CHAPTER = {chapter.name: chapter for chapter in CHAPTERS}


def drawn(app: Dash, chapter: str, task: str = "linear_regression", *positions: int) -> Drawn:
    """One chapter, its sliders where they start or where one says."""
    with app.server.app_context():
        return draw(chapter, task, positions or [slider.start for slider in CHAPTER[chapter].sliders], LIGHT)


@pytest.mark.parametrize("task", some_always(["linear_regression", "rosenbrock"], ["linear_regression"]))
@pytest.mark.parametrize("chapter", DRAW)
def test_a_chapter_has_figures_with_words_and_links_to_views(app: Dash, chapter: str, task: str) -> None:
    chapter_figures = drawn(app, chapter, task)
    assert len(chapter_figures.figures) == 2 and chapter_figures.links
    assert len(chapter_figures.readouts) == len(CHAPTER[chapter].sliders) and all(chapter_figures.readouts)
    for shown in chapter_figures.figures:
        assert shown.figure.data and shown.sentences and all("nan" not in sentence for sentence in shown.sentences)
        if shown.page:
            assert PARSE[f"/{shown.page}"](shown.query)[1] == []
    for href in chapter_figures.links.values():
        page, query = urlsplit(href).path, urlsplit(href).query
        view, wrong = PARSE[page](query)
        assert wrong == [] and view.task == task  # type: ignore[attr-defined]


@pytest.mark.parametrize("chapter", [position.name for position in CHAPTERS if position.sliders])
def test_every_slider_changes_a_figure(app: Dash, chapter: str) -> None:
    start = [position.start for position in CHAPTER[chapter].sliders]
    before = drawn(app, chapter, "linear_regression", *start)
    for i in range(len(start)):
        after = drawn(
            app, chapter, "linear_regression", *[250 if i == j else position for j, position in enumerate(start)]
        )
        assert before.readouts[i] != after.readouts[i]
        pairs = zip(before.figures, after.figures, strict=True)
        assert any(a.figure.to_json() != b.figure.to_json() for a, b in pairs)


def test_numbers_are_those_of_the_reports(app: Dash) -> None:
    subject = subject_of("linear_regression")
    with app.server.app_context():
        modes = measured("linear_regression", subject.name, subject.snapshots[-1], "momentum")
        schedule = measured("linear_regression", subject.name, subject.snapshots[-1], "schedule")
        scored = results_of("linear_regression", subject.name).evaluation.optimizers
    horizon = number(modes.about["kernel"]["horizon"])
    assert f"acts for {horizon} steps on average" in " ".join(drawn(app, "momentum").figures[0].sentences)
    assert f"ends at {number(schedule.about['schedule']['end'])}" in " ".join(
        drawn(app, "schedule").figures[0].sentences
    )
    bars = drawn(app, "win").figures[0].figure.data[0]
    best_last = sorted((score.meta_loss.mean for score in scored.values() if score.meta_loss.mean), reverse=True)
    assert list(bars.x) == pytest.approx(best_last)
    assert list(bars.error_x.array) == pytest.approx(
        [next(s.meta_loss.sem for s in scored.values() if s.meta_loss.mean == mean) for mean in best_last]
    )


def test_the_schedules_slider_is_the_step(app: Dash) -> None:
    chapter_figures = drawn(app, "schedule", "linear_regression", 500)
    rate = next(trace for trace in chapter_figures.figures[0].figure.data if trace.name == "lit")
    assert chapter_figures.readouts == [f"step {rate.x[0]}, rate {number(float(rate.y[0]))}"] and rate.x[0] == 100


def test_the_path_has_momentums_colour_and_the_theme_is_kept(app: Dash) -> None:
    path = next(trace for trace in drawn(app, "descent").figures[0].figure.data if trace.name == "path")
    assert path.line.color == OPTIMIZER_COLORS["momentum"]
    with app.server.app_context():
        dark = draw("descent", "linear_regression", [0, 0], DARK)
    assert dark.figures[1].figure.layout.font.color == DARK.text


def test_every_task_has_a_learned_optimizer_to_look_at() -> None:
    assert all(subject_of(task).run is not None for task in TASKS)
    assert set(SHOWN) == set(MECHANISMS)
