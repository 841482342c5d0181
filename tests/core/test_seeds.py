import itertools

import pytest
import torch

from core.seeds import Purpose, generator


def draw(*arguments):
    return torch.rand(8, generator=generator(*arguments))


@pytest.mark.parametrize("purpose", Purpose)
def test_the_same_arguments_give_the_same_draw(purpose):
    torch.manual_seed(0)
    first = draw(purpose, 3, 4)
    torch.manual_seed(1)
    assert torch.equal(first, draw(purpose, 3, 4))


def test_other_purposes_seeds_and_indices_give_other_draws():
    arguments = list(itertools.product(Purpose, [0, 1, 2, 2**40], [0, 1, 2]))
    draws = torch.stack([draw(*each) for each in arguments])
    assert len(torch.unique(draws, dim=0)) == len(arguments)


def test_draws_of_other_purposes_are_uncorrelated():
    draws = torch.stack([torch.randn(4000, generator=generator(purpose, 0)) for purpose in Purpose])
    correlations = torch.corrcoef(draws) - torch.eye(len(Purpose))
    assert correlations.abs().max() < 0.08


def test_index_is_zero_unless_given():
    assert torch.equal(draw(Purpose.TRAIN, 5), draw(Purpose.TRAIN, 5, 0))
