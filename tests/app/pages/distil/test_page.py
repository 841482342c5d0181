"""The Distil page on the server's side: its layout, and from sliders to figures."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import dash
import numpy as np
import pytest
from dash import Dash, no_update

from app.pages.distil import captions
from app.pages.distil.data import (
    Instruments,
    Originals,
    _stored_curves,
    compute_formula,
    distilled,
    instruments_of,
    originals_of,
)
from app.pages.distil.figures import curves_figure, ladder_figure
from app.pages.distil.parts import formula_at, from_slider, lights, simple, to_slider
from app.pages.distil.view import formula_of, parse, to_query
from app.shared.evaluations import evaluation_of
from app.shared.formulas import mathml
from app.shared.style import LIGHT
from core.bundle import Bundle
from core.distil.result import Distillation, Parts
from core.distil.tables import percent
from core.distil.writing.latex import lines
from core.jobs import measurements
from core.optimizers.formula import PARAMETERS, Formula
from core.runs import zoo
from tests.core.distil.helpers import STRUCTURES, formula

NAME = "rosenbrock-gru64"


@pytest.fixture(scope="module")
def page(app: Dash) -> Any:
    """The page's module; it can be loaded only once there is an application."""
    (entry,) = (entry for entry in dash.page_registry.values() if entry["path"] == "/distil")
    return sys.modules[entry["module"]]


@pytest.fixture(scope="module")
def result() -> Distillation:
    found = distilled("rosenbrock", NAME)
    assert found is not None
    return found


def laid_out(app: Dash, page: Any, **query: str) -> dict[str, Any]:
    with app.server.test_request_context():
        layout = page.layout(**query)
    return {str(part.id): part for part in layout._traverse() if getattr(part, "id", None)}


def numbers_of(parts: dict[str, Any]) -> dict[str, Any]:
    return {part.id["name"]: part for name, part in parts.items() if "distil-number" in name}


def test_the_page_has_a_slider_for_each_number_of_its_formula(app: Dash, page: Any, result: Distillation) -> None:
    parts = laid_out(app, page, task="rosenbrock", mechanisms="4")
    four = result.ladder[3].formula
    assert list(numbers_of(parts)) == list(four.parameters)
    for name, slider in numbers_of(parts).items():
        assert slider.min < slider.value < slider.max
        assert from_slider(name, slider.value) == pytest.approx(four.parameters[name].value, rel=1e-9)
    assert parts["distil-link"].data == "task=rosenbrock&mechanisms=4"
    assert len(parts["distil-ladder-graph"].figure.data[0].x) == len(result.ladder)


def test_sliders_draw_the_curve_of_their_formula(app: Dash, page: Any, result: Distillation) -> None:
    four = result.ladder[3].formula
    names = list(four.parameters)
    ids = [{"type": "distil-number", "name": name} for name in names]
    at_rest = [to_slider(name, four.parameters[name].value) for name in names]
    moved = [position - 0.3 * (name == "rate") for name, position in zip(names, at_rest, strict=True)]
    meta_losses, links = [], []
    for positions in (at_rest, moved):
        with app.server.test_request_context():
            figure, sentences, *rest = page.on_numbers(positions, ids, "task=rosenbrock&mechanisms=4", "light")
        meta_losses.append(float(np.mean(figure.data[-1].y)))
        assert "It keeps" in sentences[0].children and len(rest) == len(page.OVERLAYS) + 4
        links.append(rest[-1])
    with app.server.app_context():
        found = instruments_of(four.formula(), result, originals_of(result)).curve
    assert found is not None and meta_losses[0] == pytest.approx(float(found.mean()), rel=1e-9)
    assert meta_losses[0] == pytest.approx(result.ladder[3].by_seed[result.seeds.index(four.seed)], rel=1e-6)
    assert meta_losses[1] != pytest.approx(meta_losses[0], rel=1e-3)
    value = four.parameters["rate"].value * 10**-0.3
    assert links == ["task=rosenbrock&mechanisms=4", f"task=rosenbrock&mechanisms=4&numbers=rate:{value:.7g}"]
    assert formula_of(parse(links[1])[0], result).values == {**four.formula().values, "rate": float(f"{value:.7g}")}
    with app.server.test_request_context():
        stale = page.on_numbers(at_rest[:-1], ids[:-1], "task=rosenbrock&mechanisms=4", "light")
    assert stale[0] is no_update


def test_numbers_that_were_not_moved_keep_their_digits(result: Distillation) -> None:
    four = result.ladder[3].formula
    positions = {name: to_slider(name, one.value) for name, one in four.parameters.items()}
    assert formula_at(four, positions).values == four.formula().values
    other = formula_at(four, positions | {"rate": positions["rate"] + 0.1}).values
    assert other["rate"] == pytest.approx(four.parameters["rate"].value * 10**0.1)
    assert {name for name in other if other[name] != four.parameters[name].value} == {"rate"}


@pytest.mark.parametrize("name", PARAMETERS)
def test_sliders_are_undone(name: str) -> None:
    value = PARAMETERS[name].default
    assert from_slider(name, to_slider(name, value)) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("name", ["linear_regression-gru64", "rosenbrock-gru64", "two_moons-gru24-scales"])
def test_a_number_lights_a_figure_that_it_changes(app: Dash, page: Any, name: str) -> None:
    task = name.split("-", maxsplit=1)[0]
    found = distilled(task, name)
    assert found is not None
    with app.server.app_context():
        originals = originals_of(found)

    def looked_at(made: Formula) -> dict[str, np.ndarray]:
        parts = Parts(**vars(made.structure)).model_dump_json()
        # on a task of large problems no held-out curve is run
        encoded = compute_formula(parts, made.values, "two_moons", 1, 0, originals.scale, originals.axes())
        arrays = Bundle.decode(encoded).arrays
        return {
            "update": arrays["updates"],
            "schedule": arrays["rates"],
            "kernel": arrays["kernel"],
            "agreement": arrays["agreement"],
        }

    for rung in (found.ladder[3], found.ladder[-1]):
        trained = rung.formula.formula()
        before = looked_at(trained)
        for number, value in trained.values.items():
            parameter = PARAMETERS[number]
            low, high, now = (to_slider(number, at) for at in (parameter.low, parameter.high, value))
            moved = {
                **trained.values,
                number: from_slider(number, now + (0.1 if now < (low + high) / 2 else -0.1) * (high - low)),
            }
            after, lit = looked_at(Formula(trained.structure, moved)), lights(number, trained)
            change = {one: np.abs(after[one] - before[one]).max() / np.abs(before[one]).max() for one in before}
            assert change.get(lit, 0) > 1e-3 or max(change.values()) < 1e-3, (
                number,
                lit,
                change,
            )  # some parts do nothing


def test_another_task_chooses_its_first_distilled_optimizer(
    app: Dash, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.server.test_request_context():
        for trigger, rung, expected in (("distil-task", "4", "0"), ("distil-rung", "4", "4")):
            monkeypatch.setattr(page, "ctx", SimpleNamespace(triggered_id=trigger))
            found = page.on_view("rosenbrock", NAME, rung, "auto", 0, "", "light")
            assert found[1] == NAME and found[3] == expected


def test_numbers_that_were_moved_outlive_another_theme_but_not_another_formula(
    app: Dash, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = "task=rosenbrock&mechanisms=4&numbers=rate:0.25,exponent:-0.1"
    with app.server.test_request_context():
        for trigger, kept in (("theme", True), ("distil-rung", False), ("distil-optimizer", False)):
            monkeypatch.setattr(page, "ctx", SimpleNamespace(triggered_id=trigger))
            link = page.on_view("rosenbrock", NAME, "4", "dark", 0, before, "light")[-1]
            assert ("numbers=rate:0.25,exponent:-0.1" in link) == kept
    parts = laid_out(app, page, **dict(parse_qsl(before)))
    assert from_slider("rate", numbers_of(parts)["rate"].value) == pytest.approx(0.25)
    assert parts["distil-starts"].data[0] != numbers_of(parts)["rate"].value


def test_what_was_not_distilled_says_how(app: Dash, page: Any) -> None:
    link = {"task": "two_moons", "optimizer": "two_moons-gru24"}
    parts = laid_out(app, page, **link)
    with app.server.test_request_context():
        layout = page.layout(**link)
    texts = [part.children for part in layout._traverse() if isinstance(getattr(part, "children", None), str)]
    assert any("loptscope distil --run two_moons-gru24" in text for text in texts)
    assert not numbers_of(parts)


def test_a_run_of_ones_own_is_distilled_by_a_worker(
    app: Dash, page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    shutil.copytree(
        zoo.ROOT / "rosenbrock-gru64", tmp_path / "mine", ignore=shutil.ignore_patterns("distillation.json")
    )
    link = "task=rosenbrock&optimizer=mine"

    def buttons(parts: list[Any]) -> list[str]:
        return [part.id["act"] for part in parts if isinstance(getattr(part, "id", None), dict)]

    def press(act: str | None) -> tuple[Any, Any]:
        asked = "distil-tick" if act is None else {"type": "distil-act", "act": act}
        monkeypatch.setattr(page, "ctx", SimpleNamespace(triggered_id=asked))
        with app.server.test_request_context():
            return page.on_missing(1, [1], link, 0)

    assert buttons(laid_out(app, page, task="rosenbrock", optimizer="mine")["distil-missing"].children) == ["ask"]
    assert buttons(press("ask")[0]) == ["cancel"]
    assert measurements.change(tmp_path / "mine", "distillation", progress="3 of 60 formulas trained")
    assert "mine is being distilled: 3 of 60 formulas trained." in str(press(None)[0])
    assert buttons(press("cancel")[0]) == ["ask"] and measurements.find(tmp_path / "mine", "distillation") is None
    assert "mine is not being distilled." in str(press("cancel")[0])
    monkeypatch.setenv("LOPTSCOPE_READ_ONLY", "1")
    assert buttons(laid_out(app, page, task="rosenbrock", optimizer="mine")["distil-missing"].children) == []
    assert "this instance is read-only" in str(press("ask")[0])
    shutil.copy(zoo.ROOT / "rosenbrock-gru64" / "distillation.json", tmp_path / "mine")
    assert press(None)[1] == 1


def test_wrong_links_are_said() -> None:
    view, wrong = parse("task=rosenbrock&mechanisms=40")
    assert view.mechanisms == 0 and wrong == ["mechanisms must be a whole number from 0 to 8 (got '40')"]
    assert to_query(parse("task=rosenbrock&mechanisms=3")[0]) == "task=rosenbrock&mechanisms=3"
    assert "learned optimizer for rosenbrock" in parse("task=rosenbrock&optimizer=none")[1][0]
    wanted = {
        "numbers=rate": "numbers are written NAME:VALUE and separated by commas (got 'rate')",
        "numbers=rate:much": "numbers are written NAME:VALUE and separated by commas (got 'rate:much')",
        "numbers=speed:1": "unknown number of this formula 'speed'",
        "numbers=exponent:2": "exponent must be from -0.2627 to 0.7373 here (got 2)",
        "numbers=rate:nan": "rate must be from",
        "numbers=scale:1e200": "scale must be from",
        "numbers=threshold:0": "threshold must be from",
    }
    for text, sentence in wanted.items():
        view, wrong = parse(f"task=rosenbrock&mechanisms=4&{text}")
        assert view.numbers == () and wrong[0].startswith(sentence) and len(wrong) == 1
    for text in ("mechanisms=40", "optimizer=gone"):  # whose numbers these are is not known
        view, wrong = parse(f"task=rosenbrock&{text}&numbers=exponent:0.3")
        assert view.numbers == () and len(wrong) == 1
    assert "not distilled yet" in parse("task=rosenbrock&optimizer=rosenbrock-gru256&mechanisms=3")[1][0]


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_formula_can_be_shown(name: str) -> None:
    for line in lines(formula(STRUCTURES[name])):
        assert mathml(simple(line), block=True).startswith("<math")
    for parameter in PARAMETERS.values():
        assert "\\" not in mathml(simple(parameter.symbol))


def test_curves_of_large_problems_are_those_that_are_stored(page: Any) -> None:
    result = distilled("two_moons", "two_moons-gru24-scales")
    assert result is not None
    evaluation = evaluation_of(zoo.find_run(result.run))
    learned, best = _stored_curves(zoo.find_run(result.run), result)
    assert learned is not None and best is not None
    for curve, name in ((learned, "learned"), (best, result.best_tuned.name)):
        assert float(curve.mean()) == pytest.approx(evaluation.optimizers[name].meta_loss.mean, rel=1e-3)
    other = result.model_copy(update={"held_out_seed": 5})
    assert _stored_curves(zoo.find_run(result.run), other) == (None, None)
    nothing = Instruments(np.ones(1), np.ones(1), None, None, None, learned)
    originals = Originals(nothing, best, np.ones(1), 1.0, np.ones(1), np.ones((1, 1)))
    assert len(curves_figure(LIGHT, result, originals, None).data) == 2
    assert "Reset draws the formula as it was trained" in page._score(result, None, True)
    assert "no curve of this formula is stored" in page._score(result, None, False)
    assert result.best.curve and float(np.mean(result.best.curve)) == pytest.approx(
        result.best.by_seed[result.best.formula.seed], rel=1e-3
    )


def test_rungs_trained_for_longer_stand_below_the_ladder(page: Any, result: Distillation) -> None:
    longer = [
        rung.model_copy(
            update={"budget": 5000, "shared_start": True, "formula": rung.formula.model_copy(update={"seed": 9})}
        )
        for rung in (result.ladder[3], result.ladder[-1])
    ]
    more = result.model_copy(update={"longer": longer, "formula": longer[-1].formula})
    assert more.best == longer[-1] and len(more.rungs) == len(result.ladder) + 2
    labels = [option["label"] for option in page.rung_options(more)]
    assert len(set(labels)) == len(labels) == 11 and labels[-1] == "Formula: All mechanisms, longer"
    bars = ladder_figure(LIGHT, more, more.best).data[0]
    assert len(set(bars.y)) == 10 and bars.y[8:] == ("Four mechanisms, longer", "All mechanisms, longer")
    assert len({bars.marker.color[i] for i in (0, 7, 8)}) == 1 and bars.marker.color[9] != bars.marker.color[7]
    first, conclusion = captions.ladder(more)
    assert "first 8 formulas" in first and "one with all, trained for 5,000 outer steps; all their seeds start" in first
    own = [rung.model_copy(update={"shared_start": False}) for rung in longer]
    assert "trained for 5,000 outer steps. Bars" in captions.ladder(more.model_copy(update={"longer": own}))[0]
    after = f"{percent(longer[0].share)} and {percent(longer[1].share)}."
    assert f"After {result.budget:,} outer steps, like the rest of the ladder, they keep {after}" in conclusion
    assert (
        f"keeps {percent(longer[0].share)} of" in conclusion and conclusion.count("trained for 5,000 outer steps") == 2
    )
