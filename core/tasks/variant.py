"""A task with other parameters: what optimizers trained on the task are also tried on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Variant:
    """Problems like a task's own, but for some parameters.

    Attributes:
        name: as in tables and figures.
        difference: what kind of difference from training it is, as in "conditioning", "size" or "noise".
        parameters: of the task, those that differ from its defaults.
    """

    name: str
    difference: str
    parameters: Mapping[str, Any]
