"""The numbers in whatever an optimizer keeps: trees of dictionaries, lists and objects with tensors and numbers at their ends.

Tensors of floating-point numbers, and such numbers in dictionaries, lists and attributes, can be read and set; everything else (counters,
flags, numbers in tuples) can only be compared. What is reached in two ways counts once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor


Place = tuple[Any, Any]  # a container and a key; or a tensor and None


def _places(tree: Any, seen: set[int]) -> Iterator[tuple[Place | None, Any]]:
    """Every end of a tree with where it can be set, None where it cannot; what has been seen (by identity) is left out."""
    if id(tree) in seen:
        return
    seen.add(id(tree))
    items: Iterator[tuple[Any, Any]] | None = None
    if isinstance(tree, torch.Tensor):
        yield ((tree, None), tree) if tree.is_floating_point() else (None, tree)
        return
    if isinstance(tree, Mapping):
        items = iter(tree.items())
    elif isinstance(tree, list | tuple | deque):
        items = iter(enumerate(tree))
    elif hasattr(tree, "__dict__") and not isinstance(tree, type | ModuleType | Callable):
        tree = vars(tree)
        items = iter(tree.items())
    for key, value in items or ():
        if isinstance(value, float):
            settable = isinstance(tree, MutableMapping | list | deque)
            yield ((tree, key), value) if settable else (None, value)
        elif isinstance(value, int | str):
            yield None, value
        else:
            yield from _places(value, seen)


def _all_places(trees: Sequence[Any], without: Sequence[Tensor]) -> list[tuple[Place | None, Any]]:
    seen = {id(tensor) for tensor in without}
    return [place for tree in trees for place in _places(tree, seen)]


def numbers_in(trees: Sequence[Any], without: Sequence[Tensor] = ()) -> Tensor:
    """All numbers of some trees that can be set, [numbers], float64.

    Args:
        trees: dictionaries, lists, tuples, objects or tensors.
        without: tensors that are left out.
    """
    ends = [end for place, end in _all_places(trees, without) if place is not None]
    parts = [
        end.detach().double().reshape(-1) if isinstance(end, torch.Tensor) else torch.tensor([end]).double()
        for end in ends
    ]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def set_numbers_in(trees: Sequence[Any], values: Tensor, without: Sequence[Tensor] = ()) -> None:
    """Set them, tensors in place.

    Args:
        trees: as in `numbers_in`.
        values: [numbers].
        without: tensors that are left out.
    """
    done = 0
    with torch.no_grad():
        for place, end in _all_places(trees, without):
            if place is None:
                continue
            count = end.numel() if isinstance(end, torch.Tensor) else 1
            part = values[done : done + count]
            if isinstance(end, torch.Tensor):
                end.copy_(part.view(end.shape))
            else:
                place[0][place[1]] = float(part[0])
            done += count


def others_in(trees: Sequence[Any], without: Sequence[Tensor] = ()) -> list[Any]:
    """What can only be compared, as plain values.

    Args:
        trees: as in `numbers_in`.
        without: tensors that are left out.
    """
    ends = [end for place, end in _all_places(trees, without) if place is None]
    return [end.tolist() if isinstance(end, torch.Tensor) else end for end in ends]


def set_precision_in(trees: Sequence[Any], dtype: torch.dtype) -> None:
    """Put all tensors of floating-point numbers into a precision, in place.

    Args:
        trees: as in `numbers_in`.
        dtype: such as `torch.float64`.
    """
    for place, end in _all_places(trees, ()):
        if place is not None and isinstance(end, torch.Tensor) and end.dtype != dtype:
            end.data = end.detach().to(dtype)


def copies_of(trees: Sequence[Any]) -> dict[int, Any]:
    """Copies of all tensors in some trees, by identity: what `copy.deepcopy` is told it has copied already, since by itself it is slow.

    Args:
        trees: as in `numbers_in`.
    """
    ends = (end for _, end in _all_places(trees, ()))
    return {
        id(end): end.detach().clone().requires_grad_(end.requires_grad) for end in ends if isinstance(end, torch.Tensor)
    }
