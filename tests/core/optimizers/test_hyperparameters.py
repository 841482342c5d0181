"""Hyperparameters are drawn from the distributions that their rows name."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.optimizers.hyperparameters import HYPERPARAMETERS


@settings(max_examples=60)
@given(
    name=st.sampled_from(sorted(set(HYPERPARAMETERS) - {"horizon"})),
    count=st.integers(1, 50),
    seed=st.integers(0, 2**32),
)
def test_draws_stay_in_their_ranges(name, count, seed):
    limits = HYPERPARAMETERS[name].range
    values = limits.draw(count, torch.Generator().manual_seed(seed))
    assert values.shape == (count,) and values.dtype == torch.float64
    inside = (values >= limits.low - 1e-12) & (values <= limits.high * (1 + 1e-12))
    assert (inside | (values == 0) if limits.kind == "zero_or_log" else inside).all()


@pytest.mark.parametrize("name", ["learning_rate", "epsilon", "half_life"])
def test_log_draws_are_log_uniform(name):
    limits = HYPERPARAMETERS[name].range
    logs = np.log(limits.draw(2000, torch.Generator().manual_seed(0)).numpy())
    reference = scipy.stats.uniform(math.log(limits.low), math.log(limits.high / limits.low))
    assert scipy.stats.kstest(logs, reference.cdf).pvalue > 0.01


@pytest.mark.parametrize("name", ["momentum", "decay", "beta1", "beta2"])
def test_decay_constants_are_log_uniform_in_one_minus(name):
    limits = HYPERPARAMETERS[name].range
    logs = np.log(1 - limits.draw(2000, torch.Generator().manual_seed(0)).numpy())
    low = math.log(1 - limits.high)
    assert scipy.stats.kstest(logs, scipy.stats.uniform(low, -low).cdf).pvalue > 0.01


@pytest.mark.parametrize("name", ["learning_rate_decay", "warmup"])
def test_half_of_the_draws_are_zero(name):
    limits = HYPERPARAMETERS[name].range
    values = limits.draw(2000, torch.Generator().manual_seed(0)).numpy()
    assert np.mean(values == 0) == pytest.approx(0.5, abs=0.04)
    logs = np.log(values[values > 0])
    assert (
        scipy.stats.kstest(
            logs, scipy.stats.uniform(math.log(limits.low), math.log(limits.high / limits.low)).cdf
        ).pvalue
        > 0.01
    )


def test_learning_rates_over_at_least_six_decades():
    assert HYPERPARAMETERS["learning_rate"].range.high / HYPERPARAMETERS["learning_rate"].range.low >= 1e6
