"""What the Train page's links and form hold."""

import json
from pathlib import Path

import pytest

from app.pages.train.view import NAMES, parse, starting, to_form
from core.errors import InputError
from core.jobs.queue import submit
from core.runs.options import from_options, to_options


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that waits."""
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    return submit({"task": "linear_regression", "units": 2}).name


def test_a_link_names_a_run(run: str) -> None:
    view, wrong = parse(f"?run={run}&theme=dark")
    assert (view.run, view.theme, wrong) == (run, "dark", [])


@pytest.mark.parametrize("name", ["nothing", "../zoo", "", "a" * 500])
def test_a_link_to_no_run_is_said(run: str, name: str) -> None:
    view, wrong = parse({"run": name})
    assert view.run == "" and len(wrong) == 1


def test_without_a_run_nothing_is_wrong(run: str) -> None:
    assert parse("")[0].run == "" and parse("")[1] == []


def test_a_link_names_a_start() -> None:
    view, wrong = parse("start=rosenbrock-gru64@815")
    settings, start = starting(view)
    assert wrong == [] and start == {"run": "rosenbrock-gru64", "outer_step": 815}
    assert settings["task"] == "rosenbrock" and to_form(settings)["outer_steps"] == 1500
    assert starting(parse("start=rosenbrock-gru64")[0])[1] == {"run": "rosenbrock-gru64", "outer_step": 1500}
    for text in ("../zoo", "nobody@3", "rosenbrock-gru64@77", "rosenbrock-gru64@x", "core"):
        view, wrong = parse({"start": text})
        assert len(wrong) == 1 and starting(view) == ({}, None)


@pytest.mark.parametrize(
    "settings",
    [
        {"task": "linear_regression", "adjoint_clip": None, "truncation": 20, "recompute": False},
        {"task": "two_moons", "task_parameters": {"hidden": [16, 16]}, "recompute": True, "cell": "lstm"},
    ],
)
def test_a_form_holds_all_settings(settings: dict[str, object]) -> None:
    form = to_form(settings)
    assert tuple(form) == NAMES
    again = {name: None if value == "" else value for name, value in form.items()}
    again["task_parameters"] = json.loads(form["task_parameters"] or "{}")
    again["recompute"] = {"auto": None, "yes": True, "no": False}[form["recompute"]]
    assert from_options(again, strict=True) == from_options(settings)
    assert set(form) == set(to_options(from_options(settings))) - {"start"}


def test_a_form_of_nonsense_is_refused() -> None:
    with pytest.raises(InputError):
        to_form({"task": "linear_regression", "units": 0})
