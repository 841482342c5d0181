"""Formulas: an outer step in compiled code, compared with autograd through the same unroll; a whole training; a slider of the Distil page."""

import time
from collections.abc import Callable

import numpy as np
import torch

from app.pages.distil.data import distilled, instruments_of, originals_of
from app.pages.distil.figures import curves_figure, overlay_figures
from app.server import create_app
from app.shared.style import LIGHT
from benchmarks.report import Line
from core.distil.compiled import meta_gradient
from core.distil.ladder import whole
from core.distil.scales import from_raw, to_raw, values_of
from core.distil.starts import constant
from core.distil.training import Budget, training_problems
from core.optimizers.formula import FOUR, Formula
from core.tasks import make_task
from core.unroll import inner_steps

BUDGET = Budget()

REPEATS = 9
START = {"rate": 20.0, "memory": 0.9, "direct": 0.05, "threshold": 2.0, "limit": 50.0, "scale": 0.5, "exponent": 0.1}
TRAINING, SLIDER = 20.0, 300.0  # seconds of a training and milliseconds of a slider that the project asks for


def _median(work: Callable[[], object]) -> float:
    """Seconds, the median of some repeats after one to warm up."""
    work()
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def _autograd(formula: Formula, raw: np.ndarray, steps: int, problems: object) -> torch.Tensor:
    """The gradient of the mean meta-loss by torch, through every operation of the unroll."""
    leaf = torch.from_numpy(raw).requires_grad_()
    formula.values = from_raw(formula.structure, leaf)  # type: ignore[assignment]
    x = problems.x0  # type: ignore[attr-defined]
    losses = []
    loop = inner_steps(formula, problems, x, formula.initial_state(x.numel(), x.dtype))  # type: ignore[arg-type]
    for _, step in zip(range(steps + 1), loop, strict=False):
        losses.append(step.loss)
    stacked = torch.stack(losses)
    (gradient,) = torch.autograd.grad((stacked / stacked[0]).mean(), leaf)
    return gradient


def _slider() -> float:
    """Milliseconds from a formula's numbers to the figures that follow a slider."""
    result = distilled("linear_regression", "linear_regression-gru64")
    assert result is not None
    originals, trained = originals_of(result), result.formula.formula()
    formula = Formula(trained.structure, {name: 0.999 * value for name, value in trained.values.items()})

    def follow() -> None:
        made = instruments_of(formula, result, originals)
        figures = overlay_figures(LIGHT, result, originals, made)
        curves = curves_figure(LIGHT, result, originals, made.curve)
        for made in (curves, *figures.values()):
            made.to_json()

    return 1000 * _median(follow)


def run() -> list[Line]:
    """One training of the four mechanisms on linear regression, and a slider."""
    torch.set_num_threads(1)
    task, structure = make_task("linear_regression"), whole("tanh").only(FOUR)
    raw = to_raw(structure, constant(START, structure))
    problems = training_problems(task, 0, 1, BUDGET.problems)

    def ours() -> torch.Tensor:
        return meta_gradient(structure, raw, problems, BUDGET.unroll, None).gradient

    formula = Formula(structure, values_of(structure, raw))
    apart = (ours() - _autograd(formula, raw, BUDGET.unroll, problems)).norm() / ours().norm()
    if not float(apart) < 1e-6:
        raise AssertionError(
            f"the two gradients differ by {float(apart):.1g}: the benchmark would compare different things"
        )
    sample = _median(lambda: training_problems(task, 0, 1, BUDGET.problems))
    step, peer = _median(ours), _median(lambda: _autograd(formula, raw, BUDGET.unroll, problems))
    training = 1000 * (step + sample)
    with create_app().server.app_context():
        slider = _slider()
    return [
        Line(
            "outer step of a formula", f"{1000 * step:.1f} ms", f"autograd {1000 * peer:.0f} ms", f"{step / peer:.3f}"
        ),
        Line("training of a formula, 1,000 outer steps", f"{training:.1f} s", bar=f"at most {TRAINING:g} s"),
        Line("a slider's figures, on the server", f"{slider:.0f} ms", bar=f"at most {SLIDER:g} ms"),
    ]
