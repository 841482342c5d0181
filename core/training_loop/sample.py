"""The components of a model that are recorded: a fixed sample of every tensor, read from tensors at little cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import InputError
from core.seeds import Purpose, generator
from core.training_loop.recording import Component

Numbers = Tensor | None


@dataclass(frozen=True)
class Sampled:
    """The recorded components of one parameter tensor.

    Attributes:
        parameter: the tensor.
        name: of the tensor.
        group: its parameter group.
        indices: of the components in the flattened tensor, ascending, on the tensor's device, [c].
    """

    parameter: Tensor
    name: str
    group: int
    indices: Tensor

    def read(self, values: Numbers) -> Tensor:
        """The components of a tensor of the parameter's shape, [c]; NaN without a tensor."""
        if values is None:
            return torch.full_like(self.indices, float("nan"), dtype=torch.float32)
        return torch.take(values if values.layout is torch.strided else values.to_dense(), self.indices)

    def rows(self, values: Tensor) -> Tensor:
        """The components' rows of a tensor [components, S], [c, S]."""
        return values.index_select(0, self.indices)


def _names(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[Tensor, str]:
    """The name of each parameter of the optimizer."""
    known = {parameter: name for name, parameter in model.named_parameters()}
    names = {}
    for number, group in enumerate(optimizer.param_groups):
        for i, parameter in enumerate(group["params"]):
            names[parameter] = known.get(parameter, f"group {number}, tensor {i}")
    if not set(known) & set(names):
        raise InputError("the optimizer has none of the model's parameters: give the model that it trains")
    return names


def shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many components of each tensor are recorded: one of each while there are enough, the rest by size.

    Args:
        sizes: components of each tensor.
        count: in all.
    """
    given = [0] * len(sizes)
    by_size = sorted(range(len(sizes)), key=lambda i: -sizes[i])
    for i in by_size[:count]:
        given[i] = min(1, sizes[i])
    left = min(count, sum(sizes)) - sum(given)
    while left > 0:
        open_ = [i for i in by_size if given[i] < sizes[i]]
        room = sum(sizes[i] - given[i] for i in open_)
        before = left
        for i in open_:
            more = min(sizes[i] - given[i], before * (sizes[i] - given[i]) // room, left)
            given[i] += more
            left -= more
        if left == before:  # all shares are smaller than one
            for i in open_[:left]:
                given[i] += 1
                left -= 1
    return given


def choose(model: nn.Module, optimizer: torch.optim.Optimizer, count: int) -> list[Sampled]:
    """The recorded components, the same ones whenever the model is the same.

    Args:
        model: gives the tensors their names.
        optimizer: its parameters are sampled.
        count: components in all.

    Raises:
        InputError: the optimizer has none of the model's parameters, or a complex one.
    """
    names = _names(model, optimizer)
    tensors = [(p, number) for number, group in enumerate(optimizer.param_groups) for p in group["params"] if p.numel()]
    if any(parameter.is_complex() for parameter, _ in tensors):
        raise InputError("complex parameters cannot be recorded")
    given = shares([parameter.numel() for parameter, _ in tensors], count)
    source = generator(Purpose.VIEW, 0)
    found = []
    for (parameter, group), few in zip(tensors, given, strict=True):
        if few:
            indices = _some(parameter.numel(), few, source)
            found.append(Sampled(parameter, names[parameter], group, indices.to(parameter.device)))
    return found


def _some(size: int, few: int, source: torch.Generator) -> Tensor:
    """A few of the numbers 0 … size − 1, ascending."""
    if few == size:
        return torch.arange(size)
    edges = torch.linspace(0, size, few + 1, dtype=torch.float64).long()
    widths = edges.diff()
    inside = (torch.rand(few, generator=source, dtype=torch.float64) * widths).long()
    return edges[:-1] + torch.minimum(inside, widths - 1)


def components(sampled: Sequence[Sampled]) -> list[Component]:
    """The recorded components, [C], in the order of the recorded numbers."""
    found = []
    for one in sampled:
        for index in one.indices.tolist():
            at = np.unravel_index(index, one.parameter.shape)
            label = f"{one.name}[{', '.join(str(int(i)) for i in at)}]" if at else one.name
            found.append(Component(tensor=one.name, index=index, group=one.group, label=label))
    return found
