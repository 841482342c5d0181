"""Sentences under the figures say what the data say."""

import dataclasses

import numpy as np
import pytest

from app.pages.performance import captions
from app.pages.performance.data import Curve, Landscape, Results, results_of
from app.shared.numbers import running_median
from core.evaluation.held_out import FinalLoss
from tests.app.pages.performance.samples import draws, evaluation, generalization, tuned


@pytest.fixture(scope="module")
def sample() -> Results:
    """A shipped optimizer with made-up results."""
    real = results_of("rosenbrock", "rosenbrock-gru64")
    losses = np.array([0.9, 0.5, 0.3, 0.05, 0.2, 0.06, 0.05, np.inf, 0.04, 0.03])
    curve = Curve(np.arange(1, 11), losses, running_median(losses), skipped=1)
    return dataclasses.replace(real, evaluation=evaluation(0.05), curve=curve, generalization=None, siblings={})


def test_curves(sample: Results) -> None:
    drawn, look = captions.curves(sample, pictured=True)
    assert "10 held-out problems" in drawn
    assert look.endswith("reaches 0.0500 ± 0.0010, 50 % below the best tuned baseline, SGD (0.1000 ± 0.0010).")
    diverging = dataclasses.replace(sample, evaluation=evaluation(None))
    assert "diverges on 2 problems" in captions.curves(diverging, pictured=False)[1]


def test_other_seeds_are_named_with_their_numbers(sample: Results) -> None:
    others = {"b": evaluation(0.06), "c": evaluation(0.0471)}
    _, look = captions.curves(dataclasses.replace(sample, siblings=others), pictured=True)
    assert look.endswith("; trained from 2 other seeds (thin lines) it reaches 0.0600 and 0.0471.")
    assert "thin for other seeds" in captions.outer(dataclasses.replace(sample, siblings=others))[0]
    many = others | {"d": evaluation(0.05), "e": evaluation(0.05)}
    _, look = captions.curves(dataclasses.replace(sample, siblings=many), pictured=True)
    assert look.endswith("; trained from 4 other seeds (thin lines) it reaches 0.0471 to 0.0600.")
    assert "thin" not in captions.outer(sample)[0]


def test_table(sample: Results) -> None:
    drawn, look = captions.table(dataclasses.replace(sample, repaired=None))
    assert "10 held-out problems (seed 3) with 20 inner steps" in drawn
    title = sample.subject.title
    expected = f"{title} ends lowest, with a median loss of 0.00500; {title} reaches the target first, after 5 steps"
    assert look == f"{expected}; none diverged."
    worse = dataclasses.replace(sample, evaluation=evaluation(0.5, adam=None))
    assert "Adam diverged on some problem." in captions.table(worse)[1]


def test_a_repaired_optimizer_stands_beside_the_original(sample: Results) -> None:
    score = evaluation(0.04).optimizers["learned"].model_copy(update={"final_loss": FinalLoss(mean=1e-9, median=1e-9)})
    beside = dataclasses.replace(sample, repaired=score)
    assert list(beside.scores.optimizers)[:2] == ["learned", "repaired"]
    _, look, repaired = captions.table(beside)
    assert look.startswith(f"{sample.subject.title}, repaired ends lowest") and repaired.startswith("Repaired:")


def test_tuning(sample: Results) -> None:
    drawn, look = captions.tuning(Landscape(tuned(), draws()), sample)
    assert "6 draws of Momentum's hyperparameters, coloured by β (momentum)" in drawn
    assert "dropped before they had run on all 64 problems" in drawn
    assert look == (
        "2 draws diverged and 1 ended above 2; 2 came within 10 % of the best, 0.200, "
        "with learning rates from 0.010 to 0.10, and none below the line."
    )


def test_tuning_counts_draws_given_up_early(sample: Results) -> None:
    whole = draws() | {"problems": np.full(6, 64), "steps": np.full(6, 200)}
    drawn, _ = captions.tuning(Landscape(tuned(), whole), sample)
    assert "dropped" not in drawn
    assert "triangles" not in drawn
    whole["steps"] = np.array([200, 9, 200, 200, 30, 200])  # the fifth diverged
    drawn, look = captions.tuning(Landscape(tuned(), whole), sample)
    assert "triangles are lower bounds of 1 draw given up early" in drawn
    assert "; 1 came within 10 % of the best" in look


def test_out_of_distribution() -> None:
    drawn, fails, holds = captions.shift(generalization(), "Learned")
    assert "10 problems" in drawn
    assert drawn.endswith("Optimizers above 10 (▸) and those that diverged on any problem (✗) are at the right.")
    assert fails == (
        "Learned fails on 2 of 4 other conditions: 30 parameters (0.400; SGD 0.100) and "
        "two moons (diverges on 2 problems; SGD 0.100)."
    )
    assert holds == "It is better than every baseline on 5 × longer, and tied with the best on 10 parameters."


def test_outer_training(sample: Results) -> None:
    drawn, look = captions.outer(sample)
    assert "10 outer steps" in drawn
    assert "stays below the lowest line, SGD's 0.100 from outer step" in look
    assert "1 outer step had a meta-loss that is not finite; 1 update had to be skipped" in look
    assert f"unrolls of {sample.run.config.unroll} steps and the lines are for 20" in look
    never = dataclasses.replace(sample, evaluation=evaluation(0.05, sgd=0.001))
    assert "not below the lowest line, SGD's 0.00100" in captions.outer(never)[1]
