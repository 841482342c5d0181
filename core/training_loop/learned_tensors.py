"""A learned optimizer that sees whole tensors, as a class of `torch.optim.Optimizer`.

All parameters that require a gradient, of all groups, are the tensors of its one problem, in their order. What it keeps is one tree for all of
them, and stands in the state under a name of its own; entries with one tensor for each parameter also stand there for every parameter.
"""

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.module_tensors import ModuleRun, TensorwiseModule
from core.training_loop.learned import LearnedOptimizer, _flat_gradient, _precision, _real

WHOLE = "whole"  # the key of what it keeps for all parameters


class LearnedTensors(LearnedOptimizer):
    """A learned optimizer that sees all tensors together, for training loops.

    A parameter without a gradient counts with gradient 0, and stays as it is. The parameters must share a device; the arithmetic is in double
    precision if all of them are double, otherwise in single.
    """

    learned: ClassVar[TensorwiseModule]
    _copies: ClassVar[dict[Any, Any]]

    def _take(self, loss: Any) -> None:
        rates = self._rates()
        parameters = [p for p, _ in rates]
        if not parameters or all(p.grad is None for p in parameters):
            return
        dtype = torch.float64 if all(_precision(p.dtype) == torch.float64 for p in parameters) else torch.float32
        tensors = [_real(p.detach()).to(dtype, copy=True) for p in parameters]
        gradients = [
            torch.zeros_like(tensor) if p.grad is None else _flat_gradient(p).to(dtype, copy=True).view(tensor.shape)
            for p, tensor in zip(parameters, tensors, strict=True)
        ]
        known = float(torch.as_tensor(0.0 if loss is None else loss).detach().to(dtype))
        run, done = self._run(tensors)
        updates = run.step(gradients, tensors, known, done, self.param_groups[0]["steps"] or 0)
        self._own[WHOLE] = {"kept": run.state, "step": done + 1, "shapes": [list(tensor.shape) for tensor in tensors]}
        for name, entries in run.entries().items():
            for p, entry in zip(parameters, entries, strict=True):
                self.state[p][name] = entry
        for (p, rate), update in zip(rates, updates, strict=True):
            if p.grad is not None:
                target = _real(p)
                target.add_(update.to(target.dtype), alpha=rate)

    def _rates(self) -> list[tuple[Tensor, float]]:
        """The parameters of its problem, in order, each with its ``lr``."""
        return [
            (p, float(group["lr"]))
            for group in self.param_groups
            for p in group["params"]
            if p.requires_grad and p.numel()
        ]

    @property
    def _own(self) -> dict[Any, Any]:
        """The state, with entries of any name."""
        return self.state

    def _run(self, tensors: list[Tensor]) -> tuple[ModuleRun, int]:
        """The optimizer at work on these tensors, and the steps it has taken."""
        if len({tensor.device for tensor in tensors}) > 1:
            raise InputError(f"{self.title} sees all tensors together: they must be on one device")
        key = (tensors[0].device, tensors[0].dtype)
        if key not in self._copies:
            self._copies[key] = copy.deepcopy(self.learned.modules[key[1]]).to(key[0])
        kept = self._own.get(WHOLE)
        if kept is not None:
            _check_shapes(kept["shapes"], tensors)
        run = ModuleRun(self.title, self._copies[key], self.learned.asked, [tensor.clone() for tensor in tensors])
        if kept is None:
            return run, 0
        run.state = kept["kept"]
        return run, int(kept["step"])

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a ``state_dict`` of the same learned optimizer, bit for bit.

        Raises:
            InputError: it is of another optimizer, or of parameters of other sizes.
        """
        self._check_same(state_dict)
        kept = state_dict["state"].get(WHOLE)
        if kept is not None:
            _check_shapes(
                kept["shapes"],
                [_real(p) for p, _ in self._rates()],
            )
        super().load_state_dict(state_dict)
        if kept is not None:
            self._own[WHOLE] = copy.deepcopy(kept)


def _check_shapes(known: list[list[int]], tensors: list[Tensor]) -> None:
    shapes = [list(tensor.shape) for tensor in tensors]
    if known != shapes:
        raise InputError(f"the state is of tensors {known}, and cannot continue with {shapes}")
