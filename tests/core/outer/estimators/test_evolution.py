import pytest
import torch

from core.meta_loss import LOG_FLOOR, meta_loss
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


@pytest.mark.parametrize("objective", ["mean", "log"])
def test_one_whole_unroll_is_the_antithetic_formula(objective):
    """ε (L(θ + ε) − L(θ − ε)) / 2σ², written out, averaged over problems."""
    config, estimator, theta = evolution(pairs=2, problems=4, objective=objective)
    estimated = estimator.estimate(theta, 7)
    problems = config.make_task().sample(4, generator(Purpose.TRAIN, 0, 7))
    expected = {name: torch.zeros_like(tensor) for name, tensor in theta.items()}
    means = []
    for pair in range(2):
        noise = estimator._noise(7, pair)
        part = problems.part(2 * pair, 2 * pair + 2)
        losses, minimized = [], []
        for sign in (1, -1):
            moved = {name: tensor + sign * noise[name] for name, tensor in theta.items()}
            optimizer = RecurrentOptimizer(config.architecture, moved)
            curve = unroll(optimizer, part, config.unroll, record=()).losses
            losses.append(meta_loss(curve))
            logarithm = (curve / curve[0] + LOG_FLOOR).log().mean(0)
            minimized.append(losses[-1] if objective == "mean" else logarithm)
        means.append((losses[0] + losses[1]) / 2)
        for name in theta:
            expected[name] += noise[name] * (minimized[0] - minimized[1]).sum() / (2 * config.perturbation**2) / 4
    torch.testing.assert_close(estimated.meta_losses, torch.cat(means), rtol=1e-5, atol=0)
    for name, part in expected.items():
        torch.testing.assert_close(estimated.gradients[name], part, rtol=2e-3, atol=2e-4 * part.abs().max().item())


def test_a_later_window_is_the_persistent_formula():
    """ξ (L(θ + ε₂) − L(θ − ε₂)) / 2σ², ξ = ε₁ + ε₂, where both signs go on from where ε₁ left them; each loss counts once."""
    config, estimator, theta = evolution(unroll=6, truncation=2, pairs=1, problems=2)
    estimator.estimate(theta, 0)
    estimated = estimator.estimate(theta, 1)
    problems = config.make_task().sample(2, generator(Purpose.TRAIN, 0, 0))
    noise = [estimator._noise(t, 0) for t in (0, 1)]
    first, losses = problems.loss(problems.x0), []
    for sign in (1, -1):
        x, state, met = problems.x0, None, []
        for part in noise:
            moved = {name: tensor + sign * part[name] for name, tensor in theta.items()}
            optimizer = RecurrentOptimizer(config.architecture, moved)
            state = optimizer.initial_state(x.numel()) if state is None else state
            for _ in range(2):
                state, update = optimizer.step(state, problems.gradient(x).reshape(-1))
                x = x + update.view_as(x)
                met.append(problems.loss(x) / first)
        losses.append(torch.stack(met[2:]).mean(0))
    torch.testing.assert_close(estimated.meta_losses, (losses[0] + losses[1]) / 2, rtol=1e-5, atol=0)
    factor = (losses[0] - losses[1]).sum() / (2 * config.perturbation**2) / 2
    for name, part in estimated.gradients.items():
        expected = (noise[0][name] + noise[1][name]) * factor
        torch.testing.assert_close(part, expected, rtol=2e-3, atol=2e-4 * expected.abs().max().item())


def test_perturbations_add_up_over_an_unroll_and_start_anew_after_it():
    _, estimator, theta = evolution(unroll=6, truncation=2, pairs=1, problems=1)
    for t in range(2):
        estimator.estimate(theta, t)
    expected = estimator._noise(0, 0)["weight_hh"] + estimator._noise(1, 0)["weight_hh"]
    torch.testing.assert_close(estimator.groups[0].memory["perturbation.weight_hh"], expected)
    estimator.estimate(theta, 2)
    assert estimator.groups[0].memory == {} and estimator.groups[0].age == 0


def test_it_is_unbiased_however_short_the_windows():
    """Along the exact gradient, the mean of many estimates is its squared norm, to within four standard errors.

    The windows of the unroll weigh the loss at every inner step alike but for the first, which is constant.
    """
    settings = {"architecture": {"units": 3, "output_scale": 0.3}, "unroll": 6, "perturbation": 1e-2}
    config, estimator, theta = evolution(truncation=2, pairs=50, problems=200, **settings)
    problems = config.make_task().sample(1000, generator(Purpose.TRAIN, 0, 1000))
    optimizer = RecurrentOptimizer(config.architecture, theta)
    counted = 7 / 6  # the windows leave out the constant first loss, mostly
    exact = {n: part * counted for n, part in outer_gradient(optimizer, problems, 6, workers=WORKERS).gradients.items()}
    squared = sum((part**2).sum().item() for part in exact.values())
    along = []
    for t in range(40):
        gradients = estimator.estimate(theta, t).gradients
        along.append(sum((gradients[name] * part).sum().item() for name, part in exact.items()))
    settled = torch.tensor(along[6:])  # every unroll is under way by then
    error = settled.std() / len(settled) ** 0.5
    ratio, spread = settled.mean().item() / squared, error.item() / squared
    # the first window of an unroll divides by one step more than it counts
    assert 0.85 - 4 * spread < ratio < 1 + 4 * spread
    assert spread < 0.1
