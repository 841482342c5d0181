"""Other people's arithmetic in double precision, where they convert to half or single precision inside of a step.

Slopes of arithmetic in half precision are those of a staircase: 0 or infinite. The same arithmetic in double precision has the slopes that
are meant (torch's Muon orthogonalises in bfloat16). Every conversion to a lower precision is made one to double precision instead, by a
dispatch mode of torch; that the updates stay close to the class's own is checked before it is used.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

LOW = (torch.float32, torch.float16, torch.bfloat16)
NEAR = 0.05  # of the size of an update: how far double precision may lead from the class's own


class InFull(TorchDispatchMode):
    """Conversions to, and new tensors in, a lower precision are in double precision.

    Attributes:
        met: whether there were any.
    """

    def __init__(self) -> None:
        super().__init__()
        self.met = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: without this, torch wraps the method below in a way that takes most of its time."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """An operation of torch, in double precision."""
        if kwargs and kwargs.get("dtype") in LOW:
            self.met = True
            kwargs = {**kwargs, "dtype": torch.float64}
        return func(*args, **(kwargs or {}))


def coarseness(updates: Callable[[], Tensor]) -> float | None:
    """How far the updates of a class, over some steps on parameters in double precision, lie from those in double precision throughout.

    Args:
        updates: runs these steps anew and gives the updates, [n].

    Returns:
        the largest difference relative to the largest update; None if nothing is in a lower precision, or the class does not run in double
        precision throughout, or leads elsewhere there.
    """
    own = updates()
    try:
        with InFull() as mode:
            full = updates()
    except Exception:  # noqa: BLE001 - other people's code, in a precision that it did not choose
        return None
    size = float(own.abs().max()) if own.numel() else 0.0
    apart = float((full - own).abs().max()) if own.numel() else 0.0
    return apart / size if mode.met and size > 0 and apart <= NEAR * size else None
