import numpy as np
import pytest
import torch

from core.elementwise import tanh

X = torch.linspace(-60, 60, 4001, dtype=torch.float64)


def test_double_is_the_librarys():
    np.testing.assert_allclose(tanh(X).numpy(), np.tanh(X.numpy()), rtol=1e-14)


@pytest.mark.parametrize("graph", [False, True])
def test_single_precision_error_bound(graph):
    x = torch.cat([X, X / 30]).float().requires_grad_(graph)
    kept = x.detach().clone()
    values = tanh(x).detach().double()
    assert (values - torch.tanh(kept.double())).abs().max() < 2e-7
    assert torch.equal(x.detach(), kept)


def test_single_precision_slope():
    x = (X / 10).float().requires_grad_()
    (slope,) = torch.autograd.grad(tanh(x).sum(), x)
    torch.testing.assert_close(slope.double(), 1 - torch.tanh(X / 10) ** 2, rtol=0, atol=1e-6)


@pytest.mark.parametrize("way", [torch.func.jacrev, torch.func.jacfwd, torch.vmap])
def test_function_transforms(way):
    x = torch.tensor([-2.0, 0.0, 0.7])
    expected = torch.tanh(x) if way is torch.vmap else torch.diag(1 - torch.tanh(x) ** 2)
    torch.testing.assert_close(way(tanh)(x), expected, rtol=0, atol=1e-6)


def test_extremes():
    ends = tanh(torch.tensor([-float("inf"), -1e30, 1e30, float("inf"), float("nan")]))
    assert ends[:4].tolist() == [-1, -1, 1, 1] and torch.isnan(ends[4])
