"""Compiled formulas: the same losses as step by step, and the exact gradient by every number."""

import numpy as np
import pytest
import torch

from core.analysis.jacobians import _by_reverse_mode, derivatives
from core.distil import compiled
from core.distil.compiled import losses_of, meta_gradient, respond
from core.distil.scales import to_raw, values_of
from core.meta_loss import meta_loss
from core.optimizers.formula import Formula
from core.seeds import Purpose, generator
from core.tasks.base import Problems
from core.unroll import unroll
from tests.core.distil.helpers import STRUCTURES, formula
from tests.core.helpers import small_problems

STEPS = 60


CASES = [
    *(("linear_regression", name) for name in STRUCTURES),
    ("rosenbrock", "everything"),
    ("two_moons", "everything"),
]


@pytest.mark.parametrize("task, name", CASES)
def test_losses_are_those_of_the_unroll(task: str, name: str) -> None:
    made, problems = formula(STRUCTURES[name]), small_problems(task)
    theirs = unroll(made, problems, STEPS, record=()).losses
    assert torch.allclose(losses_of(made, problems, STEPS), theirs, rtol=1e-9, atol=1e-12, equal_nan=True)


def differences(made: Formula, raw: np.ndarray, problems: Problems, width: float = 1e-5) -> np.ndarray:
    def at(values: np.ndarray) -> float:
        other = Formula(made.structure, values_of(made.structure, values))
        return float(meta_loss(losses_of(other, problems, STEPS)).mean())

    steps = width * np.eye(len(raw))
    return np.array([(at(raw + step) - at(raw - step)) / (2 * width) for step in steps])


@pytest.mark.parametrize("name", [name for name in STRUCTURES if name != "sign"])
def test_the_gradient_is_exact(name: str) -> None:
    made, problems = formula(STRUCTURES[name]), small_problems("linear_regression")
    raw = to_raw(made.structure, made.values)
    found = meta_gradient(made.structure, raw, problems, STEPS, None)
    expected = differences(made, raw, problems)
    assert np.allclose(found.gradient.numpy(), expected, rtol=1e-5, atol=1e-8)


def test_the_gradient_is_exact_for_problems_without_compiled_code() -> None:
    made, problems = formula(STRUCTURES["four mechanisms"]), small_problems("two_moons", 2)
    raw = to_raw(made.structure, made.values)
    found = meta_gradient(made.structure, raw, problems, STEPS, None)
    assert np.allclose(found.gradient.numpy(), differences(made, raw, problems), rtol=1e-4, atol=1e-8)


def test_clipped_adjoints_bound_the_gradient() -> None:
    made, problems = formula(STRUCTURES["four mechanisms"]), small_problems("linear_regression")
    raw = to_raw(made.structure, made.values)
    exact = meta_gradient(made.structure, raw, problems, STEPS, None).gradient
    loose = meta_gradient(made.structure, raw, problems, STEPS, 1e6).gradient
    tight = meta_gradient(made.structure, raw, problems, STEPS, 1e-6).gradient
    assert torch.equal(exact, loose) and float(tight.norm()) < 0.1 * float(exact.norm())


@pytest.mark.parametrize("name", STRUCTURES)
def test_responses_are_those_of_the_optimizer(name: str) -> None:
    made = formula(STRUCTURES[name])
    gradients = torch.randn(30, 4, generator=generator(Purpose.VIEW, 0), dtype=torch.float64)
    state, updates = made.initial_state(4, torch.float64), []
    for row in gradients:
        state, update = made.step(state, row)
        updates.append(update)
    assert np.allclose(respond(made, gradients.numpy()), torch.stack(updates).numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", STRUCTURES)
def test_jacobians_in_closed_form(name: str) -> None:
    made = formula(STRUCTURES[name])
    source = generator(Purpose.VIEW, 1)
    states = torch.rand(5, made.state_size, generator=source, dtype=torch.float64)
    if made.clock is not None:
        states[:, made.clock] = torch.tensor([0.0, 1.0, 7.0, 33.0, 90.0])
    gradients = torch.randn(5, generator=source, dtype=torch.float64)
    ours, theirs = derivatives(made, states, gradients), _by_reverse_mode(made, states, gradients)
    for field in ("next_state", "update", "j_h", "j_g", "u_h", "u_g"):
        assert torch.allclose(getattr(ours, field), getattr(theirs, field), rtol=1e-9, atol=1e-12), field


def test_many_problems_are_run_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    made, problems = formula(STRUCTURES["four mechanisms"]), small_problems("rosenbrock", 7)
    whole = losses_of(made, problems, 20)
    monkeypatch.setattr(compiled, "LARGEST_TAPE", 3 * 21 * problems.dimension)
    assert torch.equal(losses_of(made, problems, 20), whole) and whole.shape == (21, 7)
