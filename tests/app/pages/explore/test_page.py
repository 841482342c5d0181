"""The Explore page on the server's side: its layout, and from controls to a view."""

from typing import Any

import numpy as np
import pytest
from dash import Dash, no_update
from dash.exceptions import PreventUpdate

from app.pages.explore.panels import PANELS
from app.pages.explore.view import parse, to_query
from app.shared.catalog import subjects, usual_baselines
from app.shared.fields import write_choice
from app.shared.numbers import plus_minus
from app.shared.problem import typical_seed
from app.shared.style import OPTIMIZER_COLORS
from core.bundle import Bundle
from core.errors import InputError
from core.tasks import TASKS


@pytest.fixture(scope="module")
def page(app: Dash) -> Any:
    """The page's module; it can be loaded only once there is an application."""
    import dash  # noqa: PLC0415

    (entry,) = (entry for entry in dash.page_registry.values() if entry["path"] == "/")
    import sys  # noqa: PLC0415

    return sys.modules[entry["module"]]


def controls(page: Any, query: str, **changes: Any) -> dict[str, Any]:
    """What the controls hold for a link."""
    view, wrong = parse(query)
    assert wrong == []
    snapshots = subjects(view.task)[view.optimizer].snapshots
    return {
        "task": view.task,
        "optimizer": view.optimizer,
        "position": snapshots.index(view.outer_step) if snapshots else 0,
        "compared": ",".join(map(write_choice, view.compare)),
        "seed": view.seed,
        "start": view.start or ("", ""),
        "baselines": list(view.baselines),
        "own": view.own,
        "band": view.band == "on",
        "components": [str(i) for i in view.components],
        "axis": view.axis,
        "theme": view.theme,
        **changes,
    }


LINKS = [
    "",
    "task=rosenbrock&start=-1.2,1&baselines=none&components=2",
    "task=linear_regression&optimizer=adam&seed=12&axis=linear&theme=dark",
    "task=linear_regression&outer_step=0&baselines=momentum",
    "task=two_moons&optimizer=momentum&components=12",
    "compare=adam,linear_regression-lstm64@0",
    "own=adam:learning_rate=0.1&band=on&baselines=sgd,adam_cosine",
]


@pytest.mark.parametrize("query", LINKS)
def test_controls_ask_for_the_view_they_were_set_from(page: Any, query: str) -> None:
    assert page.view_of(**controls(page, query)) == parse(query)[0]


@pytest.mark.parametrize(
    "changes",
    [{"seed": ""}, {"seed": None}, {"seed": -1}, {"seed": 1.5}, {"start": (9.0, 0.0)}, {"start": (float("nan"), 0.0)}],
    ids=str,
)
def test_a_control_that_holds_no_view_is_one_sentence(page: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"must be"):
        page.view_of(**controls(page, "task=rosenbrock", **changes))


def test_no_component_at_all_is_one_sentence(page: Any) -> None:
    with pytest.raises(InputError, match="choose at least one component"):
        page.view_of(**controls(page, "", components=[]))


def test_half_a_start_point_is_none(page: Any) -> None:
    for start in ((1.0, ""), ("", 1.0), (None, None)):
        assert page.view_of(**controls(page, "task=rosenbrock", start=start)).start is None


def test_an_optimizer_of_another_task_is_waited_for(page: Any) -> None:
    held = controls(page, "", optimizer="rosenbrock-gru64")
    del held["compared"]
    answer = page.on_view(names=[None] * 3, steps=[None] * 3, scheme="light", drawn={}, **held)
    assert all(part is no_update for part in answer[:-1])
    assert answer[-1] is not no_update  # the slider must not wait for ever


def test_a_new_task_brings_its_own_defaults(page: Any) -> None:
    before = parse("task=rosenbrock")[0]
    usual = before.seed, list(before.baselines)
    for task in TASKS:
        view = parse({"task": task})[0]
        menu, optimizer, options, components, axis, style, x, y, baselines, seed, *compared = page.on_task(
            task, {"query": "task=rosenbrock"}, *usual
        )
        assert [entry["value"] for entry in menu] == list(subjects(task))
        assert optimizer == view.optimizer
        assert len(options) >= len(components) == len(view.components)
        assert axis == view.axis
        assert (style == {}) == (task == "rosenbrock")
        assert (x, y) == ("", "")
        assert (tuple(baselines), seed) == (view.baselines, view.seed)
        assert compared == [menu, None] * 3
    kept = page.on_task("two_moons", {"query": "task=rosenbrock"}, 77, ["sgd"])
    assert kept[8:10] == (["sgd"], 77)  # what was chosen stays


def test_a_new_optimizer_brings_its_own_snapshots(page: Any) -> None:
    learned = next(iter(subjects("rosenbrock")))
    low, high, marks, disabled, value = page.on_optimizer(learned, "rosenbrock")
    assert (low, high, value, disabled) == (0, len(marks) - 1, len(marks) - 1, False)
    assert page.on_optimizer("adam", "rosenbrock")[3] is True
    with pytest.raises(PreventUpdate):
        page.on_optimizer(learned, "two_moons")


def drawn(app: Dash, page: Any, query: str, scheme: str | None = "light", **changes: Any) -> tuple[Any, ...]:
    """Figures, description, notice and the outer step in words, as the browser gets them."""
    already = changes.pop("drawn", {})
    held = controls(page, query, **changes)
    parts = [part.partition("@")[::2] for part in held.pop("compared").split(",") if part]
    names, steps = zip(*parts, strict=True) if parts else ((), ())
    held |= {
        name: [value or None for value in (*list_, *[None] * 3)][:3]
        for name, list_ in (("names", names), ("steps", steps))
    }
    with app.server.app_context():
        answer = page.on_view(scheme=scheme, drawn=already, **held)
    count = len(PANELS)
    return answer[:count], *answer[count : count + 3]


def test_the_score_is_that_of_the_snapshot_shown(app: Dash, page: Any) -> None:
    subject = subjects("rosenbrock")["rosenbrock-gru64"]
    for position, step in ((3, subject.snapshots[3]), (len(subject.snapshots) - 1, subject.snapshots[-1])):
        held = controls(page, "task=rosenbrock", position=position)
        del held["compared"]
        with app.server.app_context():
            said = page.on_view(names=[None] * 3, steps=[None] * 3, scheme="light", drawn={}, **held)[-3]
        score = subject.held_out[step]
        assert said.endswith(
            f"At outer step {step:,}: held-out meta-loss {plus_minus(score.mean, score.sem)} (128 problems)"
        )


def test_the_description_of_a_view(app: Dash, page: Any) -> None:
    query = "task=rosenbrock&baselines=adam&components=2&theme=dark&seed=3"
    figures, description, notice, text = drawn(app, page, query, "dark")
    assert len(figures) == len(PANELS)
    assert description["query"] == to_query(parse(query)[0])
    assert parse(description["query"])[0] == parse(query)[0]
    assert [(o["name"], o["row"], o["color"]) for o in description["optimizers"]] == [
        ("learned", 0, OPTIMIZER_COLORS["learned"]),
        ("adam", 1 + usual_baselines("rosenbrock").index("adam"), OPTIMIZER_COLORS["adam"]),
    ]
    assert [(c["index"], c["name"]) for c in description["components"]] == [(1, "y")]
    assert description["theme"] == "dark"
    about = "Rosenbrock, Learned GRU-64 (seed 0), outer step 1,500, problem seed 3"
    for figure, moving in zip(figures, description["moving"].values(), strict=True):
        assert figure.layout.meta == {"key": moving["figure"], "theme": "dark", "about": about}
    assert notice == []
    assert text.endswith(f"of {subjects('rosenbrock')['rosenbrock-gru64'].snapshots[-1]:,}")
    content = app.server.test_client().get(description["bundle"]).data
    assert Bundle.decode(content).about["components"] == ["x", "y"]


@pytest.mark.parametrize(
    "change, redrawn",
    [
        ("own=adam:learning_rate=0.2", {"loss", "rate"}),
        ("baselines=sgd", {"loss", "landscape", "rate"}),
        ("band=on", {"loss"}),
        ("components=1", {"state", "update", "rate"}),
        ("axis=linear", {"update", "gradient"}),
        ("step=7", set()),
        ("seed=4", set(PANELS)),
    ],
)
def test_figures_that_stay_the_same_are_not_drawn_again(app: Dash, page: Any, change: str, redrawn: set[str]) -> None:
    first, query = "task=linear_regression&own=adam:learning_rate=0.1", dict([change.split("=", 1)])
    before = drawn(app, page, first)[1]["moving"]
    keys = {name: moving["figure"] for name, moving in before.items()}
    view = parse({**dict(part.split("=", 1) for part in first.split("&")), **query})[0]
    figures, description, *_ = drawn(app, page, to_query(view), drawn=keys)
    assert {name for name, figure in zip(PANELS, figures, strict=True) if figure is not no_update} == redrawn
    assert {name for name, moving in description["moving"].items() if moving["figure"] != keys[name]} == redrawn
    whole = drawn(app, page, to_query(view))[0]
    same = [name for name in PANELS if name not in redrawn]
    again = dict(zip(PANELS, drawn(app, page, first)[0], strict=True))
    for name, figure in zip(PANELS, whole, strict=True):
        if name in same:
            assert figure.to_json() == again[name].to_json(), name


def test_optimizers_side_by_side(app: Dash, page: Any) -> None:
    query = "compare=adam,linear_regression-lstm64@0&baselines=none"
    figures, description, _, _ = drawn(app, page, query)
    assert description["query"] == to_query(parse(query)[0])
    beside = description["beside"]
    assert [column["title"] for column in (description, *beside)] == [
        "Learned GRU-64 (seed 0), outer step 1,500",
        "Adam",
        "Learned LSTM-64, outer step 0",
    ]
    assert [set(column["figures"]) for column in beside] == [set(PANELS)] * 2
    for name, figure in zip(PANELS, figures, strict=True):
        if name != "state":  # every optimizer has principal components of its own
            ranges = [column["figures"][name]["layout"] for column in beside]
            for axis in ("xaxis",) if name == "gradient" else ("xaxis", "yaxis"):  # each has its own density
                assert all(list(column[axis]["range"]) == list(figure.layout[axis].range) for column in ranges), name
                assert {column[axis].get("type") for column in ranges} == {figure.layout[axis].type}
    client = app.server.test_client()
    losses = []
    for column in (description, *beside):
        bundle = Bundle.decode(client.get(column["bundle"]).data)
        rows = {item["color"]: bundle.arrays["losses"][item["row"]] for item in column["optimizers"]}
        losses.append(rows)
        assert column["optimizers"][0]["color"] == column["color"]
    assert len(losses[0]) == 3
    for rows in losses[1:]:  # the same colour is the same optimizer in every column
        assert set(rows) == set(losses[0])
        for color, row in rows.items():
            np.testing.assert_array_equal(row, losses[0][color])


def test_the_menus_side_by_side(page: Any) -> None:
    options, step, style, *rest = page.on_compare(
        "linear_regression-lstm64", None, None, "linear_regression", None, None, None
    )
    assert options[0] == {"value": "1500", "label": "1,500"}
    assert (step, style) == ("1500", {})
    assert rest[:6] == [[], None, {"display": "none"}] * 2
    assert rest[6:] == [{}, {}, {"display": "none"}]
    kept = page.on_compare("linear_regression-lstm64", "adam", None, "linear_regression", "0", "12", None)
    assert (kept[1], kept[4]) == ("0", None)


def test_a_wrong_control_changes_nothing_but_the_notice(app: Dash, page: Any) -> None:
    figures, description, notice, text = drawn(app, page, "task=rosenbrock", seed="")
    assert all(value is no_update for value in (*figures, description, text))
    assert len(notice) == 1
    assert "seed" in notice[0].children


def test_a_divergence_is_said(app: Dash, page: Any) -> None:
    query = "task=rosenbrock&start=5,-5"
    notice = drawn(app, page, query)[2]
    assert [paragraph.children for paragraph in notice] == [
        "Momentum diverges on this problem: its loss is not finite from inner step 3 onwards."
    ]
    assert drawn(app, page, f"{query}&baselines=adam")[2] == []


def laid_out(app: Dash, page: Any, theme: str = "", **query: str) -> dict[str, Any]:
    """The page's layout for a link, components by their id."""
    with app.server.test_request_context(headers={"Cookie": f"theme={theme}"} if theme else {}):
        layout = page.layout(**query)
    return {component.id: component for component in layout._traverse() if getattr(component, "id", None)}


def sentences(component: Any) -> list[str]:
    return [paragraph.children for paragraph in component.children or []]


def test_the_layout_of_a_link_with_mistakes(app: Dash, page: Any) -> None:
    parts = laid_out(app, page, task="nonsense", seed="-1", axis="linear", baselines="<b>")
    assert sentences(parts["link-notice"]) == [
        "unknown task 'nonsense': choose one of linear_regression, rosenbrock, two_moons",
        "seed must be a whole number from 0 to 999999 (got '-1')",
        "unknown hand-designed optimizer '<b>': choose one of sgd, momentum, nesterov, rmsprop, adam, adam_cosine, adam_exponential",
    ]
    assert (parts["task"].value, parts["seed"].value, parts["axis"].value) == (
        "linear_regression",
        typical_seed("linear_regression"),
        "linear",
    )


@pytest.mark.parametrize("query", LINKS)
def test_the_layout_of_a_link_sets_every_control(app: Dash, page: Any, query: str) -> None:
    view, held = parse(query)[0], controls(page, query)
    parts = laid_out(app, page, **dict(part.split("=", 1) for part in query.split("&") if part))
    assert sentences(parts["link-notice"]) == []
    for name in ("task", "optimizer", "seed", "baselines", "components", "axis"):
        assert parts[name].value == held[name]
    assert (parts["own"].data, parts["band"].checked) == (held["own"], held["band"])
    assert [one["name"] for one in parts["own-ranges"].data][:1] == (["learning_rate"] if view.own else [])
    names, steps = ([parts[f"compare{kind}-{i}"].value for i in (1, 2, 3)] for kind in ("", "-step"))
    assert page.compared_of(view.task, names, steps) == held["compared"]
    assert parts["panels-shown"].value == list(view.panels)
    assert (parts["start-x"].value, parts["start-y"].value) == held["start"]
    assert parts["outer-step"].value == held["position"]
    assert parts["speed"].value == str(view.speed)
    assert {f"{name}-panel" for name in PANELS} <= set(parts)
    assert {"play", "inner-step-slot", "notice"} <= set(parts)
