"""Randomness as an explicit argument: every draw comes from a generator named by purpose, seed and index.

Problems drawn for one purpose are never drawn for another, so hand-designed optimizers are tuned, learned ones
trained and all of them evaluated on different problems, for any seeds.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from core.errors import InputError
from core.late import torch


class Purpose(IntEnum):
    """The purpose of a draw.

    Attributes:
        INITIALIZE: initial meta-parameters θ.
        TRAIN: problems of outer training.
        TUNE: problems of hyperparameter searches.
        EVALUATE: held-out problems.
        VIEW: problems shown in the dashboard, and those of the instruments.
        SEARCH: hyperparameters of a search.
        PERTURB: perturbations of evolution strategies.
    """

    INITIALIZE = 0
    TRAIN = 1
    TUNE = 2
    EVALUATE = 3
    VIEW = 4
    SEARCH = 5
    PERTURB = 6


def generator(purpose: Purpose, seed: int, index: int = 0) -> torch.Generator:
    """A CPU generator that depends only on its three arguments.

    Args:
        purpose: of the draw.
        seed: the user's seed, 0 or more.
        index: number of the draw for that purpose (the outer step, for training), 0 or more.

    Raises:
        InputError: a negative seed.
    """
    if seed < 0:
        raise InputError(f"seed must be 0 or more (got {seed})")
    state = np.random.SeedSequence([int(purpose), seed, index]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))
