"""Gradient descent with momentum on the Guide's valley, against torch.optim and closed forms."""

import itertools

import numpy as np
import pytest
import torch

from app.pages.guide.descent import RATES, descend, factor, fastest, problem, rate_at


@pytest.mark.parametrize("rate, momentum", [(0.5, 0.0), (1.2, 0.7), (3.5, 0.2)])
def test_the_run_is_torchs(rate: float, momentum: float) -> None:
    quadratic = problem()
    x = quadratic.x0[0].clone().requires_grad_()
    optimizer = torch.optim.SGD([x], lr=rate, momentum=momentum)
    losses = []
    for _ in range(101):
        optimizer.zero_grad()
        loss = quadratic.loss(x[None])[0]
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    assert descend(rate, momentum).losses == pytest.approx(losses, rel=1e-9)


def test_the_factor_is_that_of_the_run() -> None:
    ran = descend(0.4, 0.3)  # the flat direction is what is left at the end
    assert np.sqrt(ran.losses[-1] / ran.losses[-2]) == pytest.approx(ran.factors[0], rel=1e-6)
    assert factor(1.0, 0.5, 0.0) == pytest.approx(0.5)  # gradient descent: 1 − αc
    assert factor(1.0, 2.5, 0.0) == pytest.approx(1.5)
    assert factor(1.0, 1.0, 0.64) == pytest.approx(0.8)  # complex: √β
    assert descend(4.0, 0.1).factors[1] > 1 and descend(4.0, 0.1).losses[-1] > 1e3


def test_the_best_setting_is_the_best_of_many() -> None:
    curvatures = (0.02, 1.0)

    def worst(rate: float, momentum: float) -> float:
        return max(factor(c, rate, momentum) for c in curvatures)

    grid = [worst(a, b) for a, b in itertools.product(np.linspace(0.1, 4.2, 60), np.linspace(0, 0.99, 60))]
    assert worst(*fastest(curvatures)) <= min(grid) + 1e-9


def test_the_slider_reaches_from_end_to_end() -> None:
    assert (rate_at(0, 1000), rate_at(1000, 1000)) == RATES
