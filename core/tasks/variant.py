"""Variants of a task with other parameters, for out-of-distribution evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Variant:
    """A task with some other parameters.

    Attributes:
        name: as in tables and figures.
        difference: what kind of difference from training it is, as in "conditioning", "size" or "noise".
        parameters: of the task, those that differ from its defaults.
    """

    name: str
    difference: str
    parameters: Mapping[str, Any]
