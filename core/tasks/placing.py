"""Problems on another device."""

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor

from core.tasks.base import Problems

Some = TypeVar("Some", bound=Problems)


def problems_on(problems: Some, device: torch.device) -> Some:
    """The same problems with their tensors on a device: those that they hold by themselves, in dictionaries and in lists."""
    moved = copy.copy(problems)
    for name, value in vars(problems).items():
        object.__setattr__(moved, name, _on(value, device))
    return moved


def _on(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _on(one, device) for key, one in value.items()}
    return [_on(one, device) for one in value] if isinstance(value, list) else value
