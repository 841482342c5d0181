"""Writes the study's table between two marks in docs/outer-training.md."""

from pathlib import Path

import numpy as np

from core.files.atomic import write_bytes
from core.tasks import TASKS
from tools.marked import with_table
from tools.study.measure import ARMS, TITLES, Bias, Results

PAGE = Path(__file__).resolve().parents[2] / "docs" / "outer-training.md"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"


def _direction(biases: list[Bias]) -> str:
    """Cosine and norm ratio at the early and the late θ."""
    return ", ".join(f"{_number(bias.cosine)} (× {_number(bias.ratio)})" for bias in biases) or "–"


def _row(results: Results, task: str, arm: str) -> str:
    curves = [curve for curve in results.curves if (curve.task, curve.arm) == (task, arm)]
    biases = sorted(
        (bias for bias in results.biases if (bias.task, bias.arm) == (task, arm)), key=lambda bias: bias.outer_step
    )
    ends = [next((value for value in reversed(curve.held_out) if value is not None), None) for curve in curves]
    known = sorted(value for value in ends if value is not None)
    reached = f"{np.median(known):.3f} ({known[0]:.3f} to {known[-1]:.3f})" if known else "–"
    steps = f"{np.median([curve.outer_steps for curve in curves]):,.0f}" if curves else "–"
    bad = f"{sum(curve.skipped for curve in curves):,} / {sum(curve.diverged for curve in curves):,}"
    noise = ", ".join(_number(bias.noise) for bias in biases) or "–"
    return f"| {TASKS[task].title} | {TITLES[arm]} | {steps} | {reached} | {bad} | {_direction(biases)} | {noise} |"


def table(results: Results) -> str:
    """One line for each task and estimator."""
    heading = [
        "task",
        "estimator",
        "outer steps",
        "held-out meta-loss at the end: median (range)",
        "skipped steps / diverged problems",
        "cosine with the exact gradient (× ratio of norms), early θ, late θ",
        "noise, early θ, late θ",
    ]
    lines = [f"| {' | '.join(heading)} |", "|" + "---|" * len(heading)]
    return "\n".join([*lines, *(_row(results, task, arm) for task in TASKS for arm in ARMS)]) + "\n"


def updated(text: str, results: Results) -> str:
    """The page with the current table."""
    return with_table(text, table(results))


def write(results: Results) -> None:
    """Put the table into the page."""
    write_bytes(PAGE, updated(PAGE.read_text(encoding="utf-8"), results).encode())
