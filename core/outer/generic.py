"""An unroll in torch's own operations, and its backward pass by autograd: for devices that have no compiled code.

It offers what `core.outer.compiled` does: the same loop, the same gradient with the same clipping of adjoints, equal but for rounding. The graph of
the whole window is kept: nothing is recomputed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.interruption import Check
from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.compiled import Workspace, tape_bytes
from core.tasks.base import Problems
from core.tasks.placing import problems_on

TAPE = 24  # vectors of units that autograd keeps of one step of a cell, about


@dataclass
class _Limit:
    """The largest norm of adjoints; set before the backward pass."""

    value: float | None = None


class _Clipped(torch.autograd.Function):
    """The identity; on the way back each problem's adjoint is rescaled to a largest norm, with entries that are not finite as 0."""

    @staticmethod
    def forward(context: Any, values: Tensor, problems: int, limit: _Limit) -> Tensor:
        context.problems, context.limit = problems, limit
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *adjoints: Tensor) -> tuple[Tensor, None, None]:
        (adjoint,) = adjoints
        if context.limit.value is None:
            return adjoint, None, None
        kept = torch.where(torch.isfinite(adjoint), adjoint, 0)
        norms = torch.linalg.vector_norm(kept.double().reshape(context.problems, -1), dim=1)
        factors = (context.limit.value / norms.clamp_min(1e-300)).clamp_max(1).to(kept.dtype)
        return (kept.reshape(context.problems, -1) * factors[:, None]).view_as(adjoint), None, None


@dataclass(frozen=True)
class Graph:
    """The record of a forward pass of T steps.

    Attributes:
        losses: f(x_k), [T + 1, problems], on the CPU.
        x: after the last step, [1, problems, parameters], on the CPU.
        final_state: [vectors, n, units].
        graph: the losses on the device, with their graph.
        start: the state before the first step, on the device, [n, S].
        limit: of the adjoints.
    """

    losses: Tensor
    x: Tensor
    final_state: np.ndarray
    graph: Tensor
    start: Tensor
    limit: _Limit = field(default_factory=_Limit)


class GenericOptimizer:
    """A learned optimizer for steps on a device.

    Args:
        optimizer: the optimizer.
        device: where its steps are computed.
    """

    def __init__(self, optimizer: RecurrentOptimizer, device: torch.device):
        self.device, self.architecture = device, optimizer.architecture
        theta = {name: tensor.detach().to(device).requires_grad_() for name, tensor in optimizer.theta.items()}
        self.optimizer = optimizer.with_theta(theta)

    @property
    def vectors(self) -> int:
        """Number of vectors of ``units`` in a state."""
        return self.optimizer.state_size // self.architecture.units

    def initial_state(self, rows: int) -> np.ndarray:
        """[vectors, rows, units]."""
        start = self.optimizer.theta["initial_state"].detach().cpu()
        return start.view(self.vectors, 1, -1).expand(-1, rows, -1).contiguous().numpy()

    def bytes(self, rows: int, steps: int, stride: int) -> int:
        """Memory of the graph of a window, about; the stride changes nothing."""
        item = self.optimizer.theta["weight_hh"].element_size()
        return tape_bytes(self.architecture.units, self.vectors, TAPE, rows, steps, 1, item)

    def _rows(self, state: np.ndarray) -> Tensor:
        """A state [vectors, n, units] as torch's cells take it, [n, S]."""
        return torch.from_numpy(state).to(self.device).transpose(0, 1).reshape(state.shape[1], -1)

    def _vectors(self, state: Tensor) -> np.ndarray:
        """[n, S] -> [vectors, n, units]."""
        kept: np.ndarray = state.detach().view(len(state), self.vectors, -1).transpose(0, 1).contiguous().cpu().numpy()
        return kept

    def _loop(
        self, problems: Problems, x: Tensor, state: Tensor, steps: int, limit: _Limit, check: Check
    ) -> tuple[Sequence[Tensor], Tensor, Tensor]:
        """Losses of every step, and x and the state after the last."""
        losses = []
        for k in range(steps + 1):
            check()
            loss, gradient = problems.loss_and_gradient(x)
            losses.append(loss)
            if k == steps:
                break
            state, update = self.optimizer.step(state, gradient.reshape(-1))
            x = _Clipped.apply(x + update.view(x.shape), len(x), limit)
            state = _Clipped.apply(state, len(x), limit)
        return losses, x, state

    def advance(
        self, problems: Problems, x: Tensor, state: np.ndarray, steps: int, space: Workspace
    ) -> tuple[Tensor, Tensor, np.ndarray]:
        """As `CompiledOptimizer.advance`; tensors come from the CPU and go back there."""
        there = problems_on(problems, self.device)
        with torch.no_grad():
            losses, x, rows = self._loop(there, x.to(self.device), self._rows(state), steps, _Limit(), space.check)
        return torch.stack(list(losses)).cpu(), x.cpu(), self._vectors(rows)

    def forward(
        self, problems: Problems, x: Tensor, state: np.ndarray, steps: int, space: Workspace, stride: int = 1
    ) -> Graph:
        """Run forward and keep the graph; arguments are those of `CompiledOptimizer.forward`."""
        there, limit = problems_on(problems, self.device), _Limit()
        with torch.enable_grad():
            start = self._rows(state).requires_grad_()
            first = _Clipped.apply(start, len(x), limit)
            losses, x, rows = self._loop(there, x.to(self.device), first, steps, limit, space.check)
            graph = torch.stack(list(losses))
        return Graph(graph.detach().cpu(), x.detach().cpu()[None], self._vectors(rows), graph, start, limit)

    def backward(
        self, problems: Problems, recorded: Graph, weights: Tensor, clip_at: float | None, space: Workspace
    ) -> dict[str, Tensor]:
        """Gradient of Σ weights · losses with respect to θ, float64, on the CPU; arguments are those of `CompiledOptimizer.backward`."""
        recorded.limit.value = clip_at
        names = [name for name in self.optimizer.theta if name != "initial_state"]
        inputs = [*(self.optimizer.theta[name] for name in names), recorded.start]
        with torch.enable_grad():
            total = (recorded.graph * weights.to(self.device)).sum()
            found = torch.autograd.grad(total, inputs, allow_unused=True)
        slopes = [torch.zeros_like(one) if slope is None else slope for one, slope in zip(inputs, found, strict=True)]
        gradients = {name: slope.double().cpu() for name, slope in zip(names, slopes, strict=False)}
        gradients["initial_state"] = slopes[-1].double().sum(0).cpu()
        return gradients
