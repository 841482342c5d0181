"""The numbers in whatever an optimizer keeps: trees of dictionaries, lists and tuples with tensors and numbers at their ends.

Tensors of floating-point numbers, and such numbers in dictionaries and lists, can be read and set; everything else (counters, flags,
numbers in tuples) can only be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from core.late import torch

if TYPE_CHECKING:
    from torch import Tensor


Place = tuple[Any, Any]  # a container and a key; or a tensor and None


def _places(tree: Any) -> Iterator[tuple[Place | None, Any]]:
    """Every end of a tree with where it can be set, None where it cannot."""
    items: Iterator[tuple[Any, Any]] | None = None
    if isinstance(tree, torch.Tensor):
        yield ((tree, None), tree) if tree.is_floating_point() else (None, tree)
    elif isinstance(tree, Mapping):
        items = iter(tree.items())
    elif isinstance(tree, list | tuple):
        items = iter(enumerate(tree))
    for key, value in items or ():
        if isinstance(value, float):
            settable = isinstance(tree, MutableMapping | list)
            yield ((tree, key), value) if settable else (None, value)
        elif isinstance(value, int | str):
            yield None, value
        else:
            yield from _places(value)


def numbers_in(trees: Sequence[Any]) -> Tensor:
    """All numbers of some trees that can be set, [numbers], float64.

    Args:
        trees: dictionaries, lists, tuples or tensors.
    """
    ends = [end for tree in trees for place, end in _places(tree) if place is not None]
    parts = [
        end.detach().double().reshape(-1) if isinstance(end, torch.Tensor) else torch.tensor([end]).double()
        for end in ends
    ]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def set_numbers_in(trees: Sequence[Any], values: Tensor) -> None:
    """Set them, tensors in place.

    Args:
        trees: as in `numbers_in`.
        values: [numbers].
    """
    done = 0
    with torch.no_grad():
        for tree in trees:
            for place, end in [*_places(tree)]:
                if place is None:
                    continue
                count = end.numel() if isinstance(end, torch.Tensor) else 1
                part = values[done : done + count]
                if isinstance(end, torch.Tensor):
                    end.copy_(part.view(end.shape))
                else:
                    place[0][place[1]] = float(part[0])
                done += count


def others_in(trees: Sequence[Any]) -> list[Any]:
    """What can only be compared, as plain values.

    Args:
        trees: as in `numbers_in`.
    """
    ends = [end for tree in trees for place, end in _places(tree) if place is None]
    return [end.tolist() if isinstance(end, torch.Tensor) else end for end in ends]


def copies_of(trees: Sequence[Any]) -> dict[int, Any]:
    """Copies of all tensors in some trees, by identity: what `copy.deepcopy` is told it has copied already, since by itself it is slow.

    Args:
        trees: as in `numbers_in`.
    """
    ends = (end for tree in trees for _, end in _places(tree))
    return {
        id(end): end.detach().clone().requires_grad_(end.requires_grad) for end in ends if isinstance(end, torch.Tensor)
    }
