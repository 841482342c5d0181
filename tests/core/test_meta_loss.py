import numpy as np
import torch

from core.meta_loss import meta_loss


def test_mean_over_inner_steps_of_the_loss_relative_to_the_start():
    losses = np.random.default_rng(0).uniform(0.1, 5, size=(8, 4))
    expected = [np.mean([losses[k, p] / losses[0, p] for k in range(8)]) for p in range(4)]
    np.testing.assert_allclose(meta_loss(torch.from_numpy(losses)).numpy(), expected, rtol=1e-13)


def test_the_start_counts():
    assert meta_loss(torch.tensor([[4.0], [0.0], [0.0], [0.0]])).tolist() == [0.25]


def test_divergence_is_not_replaced():
    meta_losses = meta_loss(torch.tensor([[1.0, 2.0, 0.0], [float("inf"), 2.0, 0.0], [float("nan"), 2.0, 0.0]]))
    assert torch.isfinite(meta_losses).tolist() == [False, True, False]
