"""Repaired optimizers can be looked at beside their originals."""

import torch

from app.pages.explore.bundles import bundle_bytes
from app.pages.explore.view import parse
from app.shared.catalog import identity, learned, subjects
from core.bundle import Bundle

NAME = "linear_regression-vanilla2"


def test_it_is_the_original_with_a_shifted_gradient():
    known = subjects("linear_regression")
    original, repaired = known[NAME], known[f"{NAME}~repaired"]
    whole, shifted = original.optimizer(original.snapshots[-1]), repaired.optimizer(None)
    state, gradient = whole.initial_state(3), torch.tensor([-1.0, 0.0, 1.0])
    torch.testing.assert_close(
        shifted.step(state, gradient)[1], whole.step(state, gradient + shifted.gradient)[1], rtol=0, atol=0
    )
    assert (
        repaired.trained and repaired.trained_by == original.run and repaired.name not in learned("linear_regression")
    )
    assert identity(repaired, None) != identity(original, original.snapshots[-1])


def test_explore_shows_it_beside_the_original(app):
    view, wrong = parse({"task": "linear_regression", "optimizer": NAME, "compare": f"{NAME}~repaired"})
    assert wrong == []
    with app.server.app_context():
        losses = Bundle.decode(bundle_bytes(view)[1])
    rows = dict(zip(losses.about["optimizers"], losses.arrays["losses"], strict=True))
    assert rows[f"{NAME}~repaired"][-1] < rows["learned"][-1] / 10
