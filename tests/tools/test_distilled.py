"""The findings' section on formulas has the stored numbers."""

from core.distil.tables import loss, percent
from tools.distilled import BEGIN, END, section, shipped
from tools.findings import PAGE


def test_the_shipped_section_is_that_of_the_stored_results() -> None:
    text = PAGE.read_text(encoding="utf-8")
    results = shipped()
    written = "\n".join(section(results)).rstrip("\n")
    assert written in text, "run `.venv/bin/python -m tools.findings --formulas`"
    assert {result.task for result in results} >= {"linear_regression", "rosenbrock"}
    for result in results:
        for rung in result.ladder:
            assert f"{loss(rung)} | {percent(rung.share)}" in written


def test_without_results_only_the_marks_are_left() -> None:
    assert section([]) == [BEGIN, END, ""]
