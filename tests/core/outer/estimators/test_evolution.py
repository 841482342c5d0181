import pytest
import torch

from core.meta_loss import meta_loss
from core.optimizers import RecurrentOptimizer
from core.outer.distributed import Team
from core.outer.estimators import Evolution, make_estimator
from core.outer.gradient import Workers, outer_gradient
from core.seeds import Purpose, generator
from core.unroll import unroll
from tests.core.helpers import small_config

WORKERS = Workers(1)


def evolution(**settings):
    config = small_config(estimator="evolution", **settings)
    estimator = make_estimator(config, WORKERS, Team())
    assert isinstance(estimator, Evolution)
    return config, estimator, config.architecture.initial_theta(generator(Purpose.INITIALIZE, 0))


def test_one_whole_unroll_is_the_antithetic_formula():
    """ε (L(θ + ε) − L(θ − ε)) / 2σ², written out, averaged over problems."""
    config, estimator, theta = evolution(pairs=2, problems=4)
    found = estimator.estimate(theta, 7)
    problems = config.make_task().sample(4, generator(Purpose.TRAIN, 0, 7))
    expected = {name: torch.zeros_like(tensor) for name, tensor in theta.items()}
    means = []
    for pair in range(2):
        noise = estimator._noise(7, pair)
        part = problems.part(2 * pair, 2 * pair + 2)
        losses = []
        for sign in (1, -1):
            moved = {name: tensor + sign * noise[name] for name, tensor in theta.items()}
            optimizer = RecurrentOptimizer(config.architecture, moved)
            losses.append(meta_loss(unroll(optimizer, part, config.unroll, record=()).losses))
        means.append((losses[0] + losses[1]) / 2)
        for name in theta:
            expected[name] += noise[name] * (losses[0] - losses[1]).sum() / (2 * config.perturbation**2) / 4
    torch.testing.assert_close(found.meta_losses, torch.cat(means), rtol=1e-5, atol=0)
    for name, part in expected.items():
        torch.testing.assert_close(found.gradients[name], part, rtol=2e-3, atol=2e-4 * part.abs().max().item())


def test_perturbations_add_up_over_an_unroll_and_start_anew_after_it():
    _, estimator, theta = evolution(unroll=6, truncation=2, pairs=1, problems=1)
    for t in range(2):
        estimator.estimate(theta, t)
    expected = estimator._noise(0, 0)["weight_hh"] + estimator._noise(1, 0)["weight_hh"]
    torch.testing.assert_close(estimator.groups[0].memory["perturbation.weight_hh"], expected)
    estimator.estimate(theta, 2)
    assert estimator.groups[0].memory == {} and estimator.groups[0].age == 0


@pytest.mark.parametrize("truncation", [None, 2])
def test_it_is_unbiased_however_short_the_windows(truncation):
    """Along the exact gradient, the mean of many estimates is its squared norm, to within four standard errors.

    The windows of the unroll weigh the loss at every inner step alike but for the first, which is constant.
    """
    settings = {"architecture": {"units": 3, "output_scale": 0.3}, "unroll": 6, "perturbation": 1e-2}
    config, estimator, theta = evolution(truncation=truncation, pairs=200, problems=200, **settings)
    exact = {name: torch.zeros_like(tensor) for name, tensor in theta.items()}
    for t in range(20):
        problems = config.make_task().sample(200, generator(Purpose.TRAIN, 0, 1000 + t))
        optimizer = RecurrentOptimizer(config.architecture, theta)
        for name, part in outer_gradient(optimizer, problems, 6, workers=WORKERS).gradients.items():
            exact[name] += (
                part * (7 / 6) / 20
            )  # per counted step: the windows leave out the constant first loss, mostly
    squared = sum((part**2).sum().item() for part in exact.values())
    along = []
    for t in range(60):
        found = estimator.estimate(theta, t).gradients
        along.append(sum((found[name] * part).sum().item() for name, part in exact.items()))
    settled = torch.tensor(along[6:])  # every unroll is under way by then
    error = settled.std() / len(settled) ** 0.5
    ratio, spread = settled.mean().item() / squared, error.item() / squared
    # the first window of an unroll divides by one step more than it counts: 6/7 for whole unrolls, between that and 1 for windows
    low = 6 / 7 if truncation is None else 0.85
    assert low - 4 * spread < ratio < (low if truncation is None else 1.0) + 4 * spread
    assert spread < 0.1
