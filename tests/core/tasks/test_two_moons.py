import itertools

import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons

from core.seeds import Purpose, generator
from core.tasks import lighter_parameters, make_task
from tests.core.helpers import SMALL_MOONS


def network(x, sizes):
    """The same classifier built of torch.nn.Linear layers, with the weights of one row of x."""
    layers, offset = [], 0
    for inputs, outputs in itertools.pairwise(sizes):
        layer = torch.nn.Linear(inputs, outputs, dtype=x.dtype)
        with torch.no_grad():
            layer.weight.copy_(x[offset : offset + inputs * outputs].view(inputs, outputs).T)
            offset += inputs * outputs
            layer.bias.copy_(x[offset : offset + outputs])
            offset += outputs
        layers += [layer, torch.nn.Tanh()]
    assert offset == len(x)
    return torch.nn.Sequential(*layers[:-1])


@pytest.fixture(scope="module")
def full():
    return make_task("two_moons").sample(2, generator(Purpose.VIEW, 0), torch.float64)


def test_default_network_and_data(full):
    assert full.sizes == (2, 64, 64, 64, 1)
    assert full.dimension == 2 * 64 + 64 + 2 * (64 * 64 + 64) + 64 + 1 == 8577
    points, labels = make_moons(1024, noise=0.1, random_state=0)
    np.testing.assert_array_equal(full.points.numpy(), points)
    np.testing.assert_array_equal(full.labels.numpy(), labels)


def test_lighter_problems_are_nearly_the_same(full):
    light = make_task("two_moons", lighter_parameters("two_moons")).sample(2, generator(Purpose.VIEW, 0), torch.float64)
    assert light.points.shape == (256, 2)
    torch.testing.assert_close(light.x0, full.x0, rtol=0, atol=0)
    for one, other in zip(light.loss_and_gradient(light.x0)[1], full.loss_and_gradient(full.x0)[1], strict=True):
        assert torch.nn.functional.cosine_similarity(one, other, dim=0) > 0.98


def test_loss_and_logits_are_those_of_torch_nn(full):
    loss = full.loss(full.x0)
    logits = full.logits(full.x0, full.points)
    for i, x in enumerate(full.x0):
        output = network(x, full.sizes)(full.points)[:, 0]
        expected = torch.nn.BCEWithLogitsLoss()(output, full.labels) + 5e-3 * x.norm()
        torch.testing.assert_close(logits[i], output.detach(), rtol=1e-11, atol=1e-13)
        assert loss[i].item() == pytest.approx(expected.item(), rel=1e-12)


def test_gradient_is_that_of_torch_nn(full):
    gradient = full.gradient(full.x0)[1]
    model = network(full.x0[1], full.sizes)
    penalty = 5e-3 * torch.cat([p.reshape(-1) for p in model.parameters()]).norm()
    (torch.nn.BCEWithLogitsLoss()(model(full.points)[:, 0], full.labels) + penalty).backward()
    expected = torch.cat([(p.grad.T if p.ndim == 2 else p.grad).reshape(-1) for p in model.parameters()])
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("scale", [1e3, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_logits_do_not_overflow(scale, dtype):
    problems = make_task("two_moons", SMALL_MOONS).sample(3, generator(Purpose.VIEW, 0), dtype)
    x = problems.x0 * scale
    loss, gradient = problems.loss_and_gradient(x)
    assert problems.logits(x, problems.points).abs().max() > 88
    assert torch.isfinite(loss).all() and torch.isfinite(gradient).all()


def test_gradient_at_zero_weights_is_finite():
    """The norm penalty has no slope at 0; the subgradient 0 is taken."""
    problems = make_task("two_moons", SMALL_MOONS).sample(1, generator(Purpose.VIEW, 0), torch.float64)
    zero = torch.zeros_like(problems.x0)
    without = make_task("two_moons", SMALL_MOONS | {"penalty": 0}).sample(1, generator(Purpose.VIEW, 0), torch.float64)
    torch.testing.assert_close(problems.gradient(zero), without.gradient(zero), rtol=0, atol=0)


def test_initial_weights_have_glorots_variance(full):
    layers = full._layers(make_task("two_moons").sample(20, generator(Purpose.VIEW, 3), torch.float64).x0)
    for (weight, bias), (inputs, outputs) in zip(layers, itertools.pairwise(full.sizes), strict=True):
        assert weight.std().item() == pytest.approx((2 / (inputs + outputs)) ** 0.5, rel=0.1)
        assert bias.std().item() == pytest.approx(1e-2, rel=0.4)


def test_component_names_follow_the_layout_of_x(full):
    names = full.component_names()
    assert names[0] == "W1[0,0]" and names[65] == "W1[1,1]" and names[128] == "b1[0]"
    assert names[192] == "W2[0,0]" and names[-1] == "b4[0]"


def test_watched_components_cover_every_layer(full):
    watched = [full.component_names()[i] for i in full.watched_components()]
    assert [sum(name[:2] == f"{letter}{layer}" for name in watched) for layer in range(1, 5) for letter in "Wb"] == [
        2,
        1,
    ] * 4


def test_penalty_is_the_norm():
    source = {"count": 2, "dtype": torch.float64}
    with_penalty, without = (
        make_task("two_moons", SMALL_MOONS | {"penalty": penalty}).sample(
            generator=generator(Purpose.VIEW, 0), **source
        )
        for penalty in (0.5, 0.0)
    )
    x = without.x0
    torch.testing.assert_close(with_penalty.loss(x) - without.loss(x), 0.5 * x.norm(dim=1), rtol=1e-12, atol=0)
