"""The Train page on the server's side: its layout, the form, the drawings of a snapshot."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dash
import pytest
from dash import Dash, no_update

from app.pages.train.draw import INSTRUMENTS
from app.pages.train.settings import PRESETS
from app.pages.train.view import NAMES
from core.jobs.queue import find, submit
from core.seeds import Purpose, generator

SMALL: dict[str, Any] = {"task": "linear_regression", "units": 2, "outer_steps": 7}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs for each test."""
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def page(app: Dash) -> Any:
    """The page's module; it can be loaded only once there is an application."""
    (entry,) = (entry for entry in dash.page_registry.values() if entry["path"] == "/train")
    return sys.modules[entry["module"]]


def laid_out(app: Dash, page: Any, **query: str) -> dict[str, Any]:
    """The page's layout for a link, components by their id."""
    with app.server.test_request_context():
        layout = page.layout(**query)
    parts = [component for component in layout._traverse() if getattr(component, "id", None)]
    assert len({part.id for part in parts}) == len(parts)
    return {part.id: part for part in parts}


def test_it_comes_after_performance_in_the_navigation(app: Dash, page: Any) -> None:
    entries = {entry["path"]: entry for entry in dash.page_registry.values()}
    assert entries["/train"]["order"] > entries["/performance"]["order"]


def test_the_layout_holds_every_control(app: Dash, page: Any) -> None:
    parts = laid_out(app, page)
    assert parts["train-run"].data == "" and parts["link-notice"].children == []
    assert all(f"train-set-{name}" in parts for name in NAMES)
    assert parts["train-set-units"].value == 32 and parts["train-set-truncation"].value == 20
    assert all(f"preset-{name}" in parts for name in PRESETS)
    assert set(parts["train-frames"].data) == {"light", "dark"}


def test_limits_of_the_instance_are_on_the_controls(app: Dash, page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPTSCOPE_MAX_UNITS", "48")
    control = laid_out(app, page)["train-set-units"]
    assert control.max == 48 and "1 to 48" in control.description


def test_a_link_shows_its_run_or_says_that_there_is_none(app: Dash, page: Any) -> None:
    name = submit(SMALL).name
    assert laid_out(app, page, run=name)["train-run"].data == name
    wrong = laid_out(app, page, run="nothing")
    assert wrong["train-run"].data == "" and "there is no run" in wrong["link-notice"].children[0].children


def filled(page: Any, monkeypatch: pytest.MonkeyPatch, cause: str, task: str = "", again: Any = None) -> dict[str, Any]:
    """What the form holds after something was pressed."""
    monkeypatch.setattr(page, "ctx", SimpleNamespace(triggered_id=cause))
    *values, start = page.on_fill(*(None for _ in PRESETS), task, again)
    return dict(zip((*NAMES, "start"), (*values, start), strict=True))


def test_presets_tasks_and_runs_fill_the_form(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    moons = filled(page, monkeypatch, "preset-moons")
    assert moons["task"] == "two_moons" and moons["task_parameters"] == '{"hidden": [16, 16]}'
    rosenbrock = filled(page, monkeypatch, "train-set-task", "rosenbrock")
    assert (rosenbrock["features"], rosenbrock["truncation"], rosenbrock["start"]) == ("symlog", "", None)
    name = submit(SMALL).name
    again = filled(page, monkeypatch, "train-again", "rosenbrock", {"run": name, "outer_step": 3, "at": 1})
    assert (again["task"], again["units"], again["start"]) == ("linear_regression", 2, {"run": name, "outer_step": 3})
    gone = filled(page, monkeypatch, "train-again", "rosenbrock", {"run": "gone", "outer_step": 3})
    assert set(map(id, gone.values())) == {id(no_update)}


def test_the_command_of_the_form_or_the_reason_why_there_is_none(page: Any) -> None:
    command, about, refused = page.on_body(SMALL)
    assert command.startswith("loptscope train --task linear_regression") and "--units 2" in command
    assert refused == [] and "smallest_eigenvalue" in about
    command, _, refused = page.on_body({**SMALL, "units": 10_000})
    assert command == "" and "units" in refused[0].children


def test_a_snapshot_is_drawn_and_a_missing_one_said(app: Dash, page: Any) -> None:
    record = submit(SMALL)
    theta = record.run.config.architecture.initial_theta(generator(Purpose.INITIALIZE, 0))
    record.run.write_snapshot(3, theta)
    count = len(INSTRUMENTS)
    with app.server.test_request_context():
        outputs = page.on_snapshot({"run": record.name, "outer_step": 3}, "dark", "dark")
        missing = page.on_snapshot({"run": record.name, "outer_step": 4}, "dark", "dark")
        none = page.on_snapshot(None, "auto", None)
    assert all(figure.data and figure.layout.meta["theme"] == "dark" for figure in outputs[:count])
    assert outputs[2 * count] == "after 3 outer steps" and outputs[-1]["run"] == record.name
    assert "no snapshot at outer step 4" in missing[count][0].children and not missing[0].data
    assert not none[0].data and find(record.name).name == record.name
