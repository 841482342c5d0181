import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from core.baselines import pruning
from core.baselines.pruning import meta_losses, pruned_search
from core.baselines.search import draw
from core.meta_loss import meta_loss
from core.optimizers import HAND_DESIGNED, make_hand_designed
from core.optimizers.hand_designed import BASELINES
from tests.cases import some_always
from tests.core.helpers import plain_losses, small_problems

STEPS = 40


def drawn(name, count, steps=STEPS, seed=0):
    return draw(name, count, seed, steps)


def one_by_one(name, draws, problems, steps):
    """[draws, problems], each draw alone, nothing given up."""
    count = len(draws["learning_rate"])
    alone = [make_hand_designed(name, {key: v[i].item() for key, v in draws.items()}) for i in range(count)]
    return torch.stack([meta_loss(plain_losses(optimizer, problems, steps)) for optimizer in alone])


@pytest.mark.parametrize("task", ["linear_regression", "two_moons"])
@pytest.mark.parametrize("name", BASELINES)
def test_batches_equal_one_by_one(task, name, monkeypatch):
    problems = small_problems(task, count=3)
    draws = drawn(name, 5, 8)
    draws["learning_rate"] = torch.tensor([1e-3, 0.01, 0.1, 0.5, 1.0], dtype=torch.float64)
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 2 * problems.x0.numel())
    scored = meta_losses(HAND_DESIGNED[name], draws, problems, 8)
    assert scored.shape == (5, 3)
    torch.testing.assert_close(scored, one_by_one(name, draws, problems, 8), rtol=1e-6, atol=1e-9)


# Every optimizer once, every task with and without an order.
WAYS = [(task, ordered) for ordered in (False, True) for task in ("linear_regression", "rosenbrock", "two_moons")]


EACH = list(zip(BASELINES, itertools.cycle(WAYS), strict=False))


@pytest.mark.parametrize("name, way", some_always(EACH, EACH[::2]))
def test_giving_up_changes_neither_the_best_draws_nor_their_numbers(name, way, monkeypatch):
    task, ordered = way
    problems, keep = small_problems(task, count=4), 6
    draws = drawn(name, 40)
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 3 * problems.dimension)  # parts of problems, one draw at a time
    monkeypatch.setattr(pruning, "CHUNKS_PER_GROUP", 2)
    whole = pruned_search(HAND_DESIGNED[name], draws, problems, STEPS)
    scored = pruned_search(HAND_DESIGNED[name], draws, problems, STEPS, keep=keep, ordered=ordered)
    best = torch.argsort(whole.mean, stable=True)[:keep]
    assert torch.equal(torch.argsort(scored.mean, stable=True)[:keep], best)
    torch.testing.assert_close(scored.per_problem[best], whole.per_problem[best], rtol=1e-9, atol=0)
    given_up = scored.steps < STEPS
    assert given_up.any() and scored.per_problem[given_up].isnan().all()
    bounds = scored.mean[given_up & ~scored.diverged]
    assert (bounds <= whole.mean[given_up & ~scored.diverged] * (1 + 1e-9)).all()
    assert (bounds > whole.mean[best].max()).all()
    complete = ~given_up & ~scored.diverged
    torch.testing.assert_close(scored.mean[complete], whole.mean[complete], rtol=1e-9, atol=0)


def test_steps_say_what_a_bound_covers(monkeypatch):
    """Σ f(x_k)/f(x_0) over exactly as many steps, divided by K + 1."""
    problems, draws = small_problems("linear_regression", count=2), drawn("adam", 60)
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 2 * problems.x0.numel())
    monkeypatch.setattr(pruning, "CHUNKS_PER_GROUP", 2)
    scored = pruned_search(HAND_DESIGNED["adam"], draws, problems, STEPS, keep=5)
    partial = torch.nonzero((scored.steps < STEPS) & ~scored.diverged)[:, 0]
    assert len(partial) > 10
    for i in partial[:10].tolist():
        alone = make_hand_designed("adam", {key: values[i].item() for key, values in draws.items()})
        losses = plain_losses(alone, problems, STEPS)[: scored.steps[i] + 1]
        bound = (losses / losses[0]).sum(0).mean() / (STEPS + 1)
        assert scored.mean[i].item() == pytest.approx(bound.item(), rel=1e-6)


@pytest.mark.parametrize("keep", [None, 4])
def test_results_do_not_depend_on_the_workers(keep, monkeypatch):
    problems, draws = small_problems("two_moons", count=2), drawn("nesterov", 30)
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 2 * problems.x0.numel())
    monkeypatch.setattr(pruning, "CHUNKS_PER_GROUP", 3)
    alone = pruned_search(HAND_DESIGNED["nesterov"], draws, problems, STEPS, keep=keep)
    with ThreadPoolExecutor(3) as pool:
        together = pruned_search(HAND_DESIGNED["nesterov"], draws, problems, STEPS, keep=keep, pool=pool)
    assert torch.equal(alone.mean, together.mean) and torch.equal(alone.steps, together.steps)
    torch.testing.assert_close(alone.per_problem, together.per_problem, rtol=0, atol=0, equal_nan=True)


def test_divergence_is_infinite_whatever_the_other_problems_do():
    """A rate that is too high for some of the problems only."""
    problems = small_problems("rosenbrock", count=20)
    rates = torch.tensor([1e-6, 3e-3], dtype=torch.float64)
    draws = {"learning_rate": rates, "learning_rate_decay": torch.zeros(2, dtype=torch.float64)}
    finite = one_by_one("sgd", draws, problems, STEPS).isfinite()
    assert finite[0].all() and 0 < finite[1].sum() < 20
    scored = pruned_search(HAND_DESIGNED["sgd"], draws, problems, STEPS)
    assert scored.diverged.tolist() == [False, True] and scored.steps[0] == STEPS and scored.steps[1] < STEPS
    assert meta_losses(HAND_DESIGNED["sgd"], draws, problems, STEPS)[1].isinf().all()


@pytest.mark.parametrize("keep", [None, 5])
def test_progress_counts_every_draw_once(keep):
    events = []
    problems, draws = small_problems("rosenbrock", count=2), drawn("momentum", 50)
    pruned_search(HAND_DESIGNED["momentum"], draws, problems, STEPS, keep=keep, on_chunk=events.append)
    assert sum(events) == 50 and min(events) > 0
