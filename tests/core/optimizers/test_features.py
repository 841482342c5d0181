import math

import pytest
import torch

from core.optimizers.features import FEATURES

G = [-30.0, -1e-3, 0.0, 2e-7, 0.5, 1e6]


def symlog(g, s):
    return math.copysign(math.log(s * abs(g) + math.sqrt(1 + (s * g) ** 2)), g)


EXPECTED = {
    "raw": lambda g, s: [g],
    "scaled": lambda g, s: [s * g],
    "log_sign": lambda g, s: [math.log1p(s * abs(g)), (g > 0) - (g < 0)],
    "symlog": lambda g, s: [symlog(g, s)],
    "two_scales": lambda g, s: [symlog(g, s), symlog(g, 100 * s)],
}


@pytest.mark.parametrize("scale", [1.0, 40.0])
@pytest.mark.parametrize("name", FEATURES)
def test_values_and_shapes(name, scale):
    features = FEATURES[name].map(torch.tensor(G, dtype=torch.float64), scale)
    assert features.shape == (len(G), FEATURES[name].inputs)
    expected = torch.tensor([EXPECTED[name](g, scale) for g in G], dtype=torch.float64)
    torch.testing.assert_close(features, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", FEATURES)
def test_smooth_means_that_the_slope_at_zero_is_the_same_from_both_sides(name):
    zero = torch.zeros(1, dtype=torch.float64)
    step = 1e-7
    slopes = [(FEATURES[name].map(zero + h, 3.0) - FEATURES[name].map(zero, 3.0)) / h for h in (step, -step)]
    assert torch.allclose(*slopes, rtol=1e-5) == FEATURES[name].smooth


@pytest.mark.parametrize("name", [name for name, features in FEATURES.items() if features.smooth])
def test_slope_at_zero(name):
    g = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(FEATURES[name].map(g, 3.0).sum(), g)
    assert slope.item() == pytest.approx({"raw": 1.0, "two_scales": 303.0}.get(name, 3.0))


@pytest.mark.parametrize("name", FEATURES)
def test_odd_or_even(name):
    """Each feature is odd in g but the logarithm of |g|, which is even."""
    g = torch.tensor(G, dtype=torch.float64)
    signs = torch.tensor([1.0, -1.0] if name == "log_sign" else [-1.0], dtype=torch.float64)
    torch.testing.assert_close(FEATURES[name].map(-g, 2.0), signs * FEATURES[name].map(g, 2.0))


@pytest.mark.parametrize("name", FEATURES)
def test_slope_is_autograds(name):
    g = torch.tensor([-30.0, -1e-3, 2e-7, 0.5, 1e6], dtype=torch.float64, requires_grad=True)
    z = FEATURES[name].map(g, 3.0)
    expected = torch.stack(
        [torch.autograd.grad(column.sum(), g, retain_graph=True, allow_unused=True)[0] for column in z.T], 1
    )
    torch.testing.assert_close(FEATURES[name].slope(g.detach(), 3.0), expected, rtol=1e-9, atol=1e-15)
