"""The Performance page on the server's side: its layout, and from controls to drawings."""

import sys
from typing import Any

import dash
import pytest
from dash import Dash, no_update

from app.pages.performance import draw as drawing
from app.pages.performance.data import results_of
from app.pages.performance.view import OPTIMIZERS, parse
from app.shared.catalog import learned
from app.shared.style import DARK, LIGHT
from core.errors import InputError
from core.optimizers.hand_designed import BASELINES
from core.tasks import TASKS
from tests.app.pages.performance.samples import generalization


@pytest.fixture(scope="module")
def page(app: Dash) -> Any:
    """The page's module; it can be loaded only once there is an application."""
    (entry,) = (entry for entry in dash.page_registry.values() if entry["path"] == "/performance")
    return sys.modules[entry["module"]]


def laid_out(app: Dash, page: Any, scheme: str = "", /, **query: str) -> dict[str, Any]:
    """The page's layout for a link, components by their id."""
    with app.server.test_request_context(headers={"Cookie": f"theme={scheme}"} if scheme else {}):
        layout = page.layout(**query)
    return {component.id: component for component in layout._traverse() if getattr(component, "id", None)}


def said(component: Any) -> list[str]:
    """The sentences of a caption or a notice."""
    return [paragraph.children for paragraph in component.children or []]


def test_it_is_in_the_navigation(app: Dash) -> None:
    entries = {entry["path"]: entry for entry in dash.page_registry.values()}
    assert entries["/performance"]["name"] == "Performance"
    assert entries["/performance"]["order"] > entries["/"]["order"]


def test_the_layout_holds_every_part(app: Dash, page: Any) -> None:
    parts = laid_out(app, page)
    assert said(parts["link-notice"]) == []
    for task in TASKS:
        assert len(parts[f"performance-curves-{task}-graph"].figure.data) >= 2 * 4
        assert len(parts[f"performance-picture-{task}-graph"].figure.data) > 0
        assert len(said(parts[f"performance-curves-{task}-caption"])) == 2
    assert {f"show-{name}" for name in OPTIMIZERS} <= set(parts)
    assert all(getattr(parts[f"show-{name}"], "aria-pressed") == "true" for name in OPTIMIZERS)
    assert parts["performance-task"].value == "linear_regression"
    assert parts["performance-baseline"].value == "momentum"
    assert [entry["value"] for entry in parts["performance-baseline"].data] == list(BASELINES)
    assert parts["performance-link"].data == ""
    assert getattr(parts["head-meta_loss"], "aria-sort") == "ascending"
    results = results_of("linear_regression", parts["performance-optimizer"].value)
    rows = parts["performance-rows"].children
    assert len(rows) == len(results.scores.optimizers)
    links = [part for part in parts["performance-snapshots"].children if getattr(part, "href", None)]
    assert len(links) == len(results.subject.snapshots)
    assert links[0].href == "/?outer_step=0"
    assert links[-1].href == "/"


def test_the_layout_of_a_link_sets_everything(app: Dash, page: Any) -> None:
    query = {"task": "rosenbrock", "baseline": "adam", "shown": "learned,adam", "sort": "-diverged", "theme": "dark"}
    parts = laid_out(app, page, "dark", **query)
    assert said(parts["link-notice"]) == []
    assert (parts["performance-task"].value, parts["performance-baseline"].value) == ("rosenbrock", "adam")
    assert parts["performance-optimizer"].value == next(iter(learned("rosenbrock")))
    assert getattr(parts["show-momentum"], "aria-pressed") == "false"
    assert getattr(parts["head-diverged"], "aria-sort") == "descending"
    assert getattr(parts["head-meta_loss"], "aria-sort") == "none"
    assert (parts["performance-shown"].data, parts["performance-sort"].data) == (["learned", "adam"], "-diverged")
    assert parts["performance-link"].data == "task=rosenbrock&baseline=adam&theme=dark"
    curves = parts["performance-curves-rosenbrock-graph"].figure
    assert curves.layout.font.color == DARK.text
    assert {trace.legendgroup for trace in curves.data if trace.visible} == {"learned", "adam"}


def test_the_layout_of_a_link_with_mistakes(app: Dash, page: Any) -> None:
    parts = laid_out(app, page, task="nonsense", optimizer="nobody", sort="<b>")
    task, optimizer = said(parts["link-notice"])[:2]
    assert task == "unknown task 'nonsense': choose one of linear_regression, rosenbrock, two_moons"
    assert optimizer.startswith(
        "unknown learned optimizer for linear_regression 'nobody': choose one of linear_regression-"
    )
    assert optimizer.endswith(f", or one of {len(learned('linear_regression')) - 10} others")
    assert len(said(parts["link-notice"])) == 3
    assert parts["performance-task"].value == "linear_regression"


@pytest.mark.parametrize("query", ["", "?task=rosenbrock&shown=none", "?task=<b>"])
def test_the_address_is_served(app: Dash, query: str) -> None:
    response = app.server.test_client().get(f"/performance{query}")
    assert response.status_code == 200
    assert "<b>" not in response.text


def view(page: Any, app: Dash, **changes: Any) -> dict[str, Any]:
    """The answer to controls as they stand, by output."""
    held = {"task": "rosenbrock", "theme": "light", "baseline": "adam", "shown": list(OPTIMIZERS), "sort": "meta_loss"}
    held |= {"optimizer": next(iter(learned("rosenbrock"))), "scheme": "light"} | changes
    with app.server.test_request_context():
        answer = page.on_view(**held)
    names = [*drawing.FIGURES, *(f"{name} caption" for name in drawing.CAPTIONS), "rows", "orders", "snapshots", "room"]
    assert len(answer) == len(names)
    return dict(zip(names, answer, strict=True))


def test_a_view_is_drawn_in_its_theme_and_order(page: Any, app: Dash) -> None:
    upwards, downwards = view(page, app), view(page, app, sort="-meta_loss", scheme="dark")
    order = [row.to_plotly_json()["props"]["data-name"] for row in upwards["rows"]]
    assert order == upwards["orders"]["meta_loss"]
    assert [row.to_plotly_json()["props"]["data-name"] for row in downwards["rows"]] == upwards["orders"]["-meta_loss"]
    assert set(order[:2]) == {"learned", "repaired"}
    assert upwards["outer"].layout.font.color == LIGHT.text
    assert downwards["outer"].layout.font.color == DARK.text


def test_an_optimizer_of_another_task_is_waited_for(page: Any, app: Dash) -> None:
    assert all(part is no_update for part in view(page, app, task="two_moons").values())
    with app.server.test_request_context():
        names = ["rosenbrock", "nobody", "adam", "light", list(OPTIMIZERS), "meta_loss", "light"]
        assert all(part is no_update for part in page.on_tuning(*names))


def test_a_new_task_brings_its_own_optimizers(page: Any) -> None:
    for task in TASKS:
        menu, chosen = page.on_task(task)
        assert [entry["value"] for entry in menu] == list(learned(task))
        assert chosen == parse({"task": task})[0].optimizer
        assert len({entry["label"] for entry in menu}) == len(menu)


def test_the_tuning_landscape_is_drawn_by_itself(page: Any, app: Dash) -> None:
    name = next(iter(learned("rosenbrock")))
    with app.server.test_request_context():
        figure, caption, link, notice = page.on_tuning(
            "rosenbrock", name, "rmsprop", "dark", list(OPTIMIZERS), "-diverged", "dark"
        )
    assert figure.layout.font.color == DARK.text
    assert "RMSProp" in caption[0].children
    assert link == "task=rosenbrock&baseline=rmsprop&theme=dark"
    assert notice == []


def test_a_control_that_holds_no_view_is_one_sentence(page: Any, app: Dash) -> None:
    assert all(part is no_update for part in view(page, app, baseline="nobody").values())
    with app.server.test_request_context():
        chosen = next(iter(learned("rosenbrock")))
        *rest, notice = page.on_tuning("rosenbrock", chosen, "nobody", "light", [], "meta_loss", "light")
    assert all(part is no_update for part in rest)
    assert "unknown hand-designed optimizer 'nobody'" in notice[0].children


def test_what_is_missing_is_said_where_it_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(task: str, name: str) -> Any:
        if task == "rosenbrock":
            raise InputError("it has not been evaluated yet")
        return results_of(task, name)

    monkeypatch.setattr(drawing, "results_of", refuse)
    drawn = drawing.draw(parse("task=rosenbrock")[0], LIGHT)
    assert set(drawn.figures) == set(drawing.FIGURES)
    assert set(drawn.captions) == set(drawing.CAPTIONS)
    assert drawn.captions["curves-rosenbrock"] == drawn.captions["table"] == ["it has not been evaluated yet"]
    assert drawn.rows == []
    assert len(drawn.captions["curves-two_moons"]) == 2
    assert drawing.draw_tuning(parse("task=rosenbrock")[0], LIGHT)[1] == ["it has not been evaluated yet"]


@pytest.mark.parametrize("results", [None, generalization()], ids=["missing", "there"])
def test_out_of_distribution_may_be_missing(monkeypatch: pytest.MonkeyPatch, page: Any, results: Any) -> None:
    import dataclasses  # noqa: PLC0415

    monkeypatch.setattr(
        drawing, "results_of", lambda task, name: dataclasses.replace(results_of(task, name), generalization=results)
    )
    drawn = drawing.draw(parse("task=rosenbrock")[0], LIGHT)
    if results is None:
        (sentence,) = drawn.captions["shift"]
        assert sentence.startswith("Learned GRU-64 (seed 0) has not been evaluated out of distribution yet")
        assert page.shift_style(drawn) == {"display": "none"}
    else:
        assert len(drawn.captions["shift"]) == 3
        assert page.shift_style(drawn) == {"height": f"{drawn.shift_height}px"}
