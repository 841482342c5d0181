"""torch, loaded when it is first used.

torch takes seconds to load, and the dashboard answers before it is there. So the modules that a server or a command loads first write
``from core.late import torch`` instead of ``import torch``, and name its classes in annotations only (`typing.TYPE_CHECKING`).
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any


class _Late(ModuleType):
    """A module whose names are looked up in the module proper, which is loaded for the first of them."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value


__all__ = ["torch"]

if TYPE_CHECKING:
    import torch
else:
    torch = _Late("torch")
