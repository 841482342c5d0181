"""The scales in which a formula's numbers are fitted: logarithms of rates, logits of decays, shares and exponents in fifths."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from core.optimizers.formula import PARAMETERS, Structure

LINEAR = 0.2  # of a share or an exponent changes a formula about as much as 1 in a logarithm
SMALLEST, CLOSEST = 1e-12, 1e-6  # a rate and a decay's distance to 0 and 1 that have a finite logarithm


def to_raw(structure: Structure, values: Mapping[str, float]) -> np.ndarray:
    """A formula's numbers in the scales of fits, float64 [numbers]."""

    def raw(name: str) -> float:
        value, kind = values[name], PARAMETERS[name].transform
        if kind == "log":
            return math.log(max(value, SMALLEST))
        if kind == "logit":
            inside = min(max(value, CLOSEST), 1 - CLOSEST)
            return math.log(inside / (1 - inside))
        return value / LINEAR

    return np.array([raw(name) for name in structure.parameters])


def from_raw(structure: Structure, raw: Tensor) -> dict[str, Tensor]:
    """A formula's numbers by name, differentiable, from raw [numbers]."""
    maps = {"log": torch.exp, "logit": torch.sigmoid, "linear": lambda value: LINEAR * value}
    return {
        name: maps[PARAMETERS[name].transform](value)
        for name, value in zip(structure.parameters, raw.unbind(), strict=True)
    }


def values_of(structure: Structure, raw: np.ndarray) -> dict[str, float]:
    """The same as plain numbers."""
    return {name: float(value) for name, value in from_raw(structure, torch.from_numpy(raw)).items()}
