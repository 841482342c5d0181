"""Imitation finds the numbers of members of the family again, and R² says how much is explained."""

import numpy as np
import pytest
import torch

from core.distil.compiled import respond
from core.distil.disagreement import disagreement_of
from core.distil.imitation import Lesson, imitate, lesson_of, r2_of
from core.optimizers.formula import Structure, as_formula
from core.optimizers.formula.formula import Formula, relative_error
from core.optimizers.hand_designed import make_hand_designed
from core.tasks import make_task
from tests.core.distil.helpers import formula

MEMBERS = {
    "sgd": {"learning_rate": 0.3},
    "momentum": {"learning_rate": 0.3, "momentum": 0.9},
    "nesterov": {"learning_rate": 0.3, "momentum": 0.8},
    "rmsprop": {"learning_rate": 0.01, "decay": 0.95, "epsilon": 1e-2},
    "adam": {"learning_rate": 0.05, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-2},
    "clipped_sgd": {"learning_rate": 0.3, "threshold": 0.6},
    "adam_exponential": {"learning_rate": 0.05, "half_life": 30.0, "epsilon": 1e-2},
}


@pytest.fixture(scope="module")
def gradients() -> np.ndarray:
    """Those of 6 problems of linear regression, [60, 30]."""
    return lesson_of(
        make_hand_designed("sgd", {"learning_rate": 0.5}), make_task("linear_regression"), steps=60
    ).gradients[:, :30]


def lesson(made: Formula, gradients: np.ndarray) -> Lesson:
    return Lesson(np.ascontiguousarray(gradients), respond(made, np.ascontiguousarray(gradients)))


@pytest.mark.parametrize("name", MEMBERS)
def test_the_numbers_of_members_are_found_again(name: str, gradients: np.ndarray) -> None:
    made = as_formula(make_hand_designed(name, MEMBERS[name]))
    start = {key: value**0.9 if value > 0 else 0.02 for key, value in made.values.items()}
    found = imitate(lesson(made, gradients), made.structure, [start])
    assert found.r2 > 1 - 1e-12
    kept = {key: value for key, value in made.values.items() if value != 0}
    assert relative_error(found.formula.values, kept) < 1e-4


def test_r2_is_the_share_explained(gradients: np.ndarray) -> None:
    made = as_formula(make_hand_designed("momentum", MEMBERS["momentum"]))
    taught = lesson(made, gradients)
    assert r2_of(made, taught) == pytest.approx(1.0)
    assert r2_of(Formula(Structure(0), {"rate": 0.0}), taught) == pytest.approx(0.0)
    half = Formula(made.structure, made.values | {"rate": made.values["rate"] / 2})
    assert r2_of(half, taught) == pytest.approx(0.75)


def test_disagreement_adds_up_to_what_is_not_explained(gradients: np.ndarray) -> None:
    made = as_formula(make_hand_designed("momentum", MEMBERS["momentum"]))
    taught = lesson(made, gradients)
    plain = Formula(Structure(0), {"rate": 1.0})
    found = disagreement_of(plain, taught)
    assert set(found) == {"step", "gradient", "recent"}
    for one in found.values():
        assert sum(one.error) == pytest.approx(1 - r2_of(plain, taught), rel=1e-3)
        assert sum(one.weight) == pytest.approx(1.0, rel=1e-3)
        assert len(one.edges) == len(one.error) + 1


def test_a_lesson_leaves_out_what_did_not_stay_finite() -> None:
    task = make_task("rosenbrock")
    wild = lesson_of(make_hand_designed("sgd", {"learning_rate": 0.1}), task, steps=20)
    calm = lesson_of(make_hand_designed("sgd", {"learning_rate": 1e-5}), task, steps=20)
    assert np.isfinite(wild.updates).all() and wild.updates.shape[1] < calm.updates.shape[1] == 320


def test_a_formula_teaches_itself() -> None:
    made = formula(Structure(1, "tanh", False, "relaxing", "power"))
    taught = lesson_of(made, make_task("linear_regression"), steps=20)
    assert r2_of(made, taught) == pytest.approx(1.0, abs=1e-6)
    assert torch.isfinite(torch.from_numpy(taught.updates)).all()
