"""A learned optimizer as a class of `torch.optim.Optimizer`.

One that steps every component by itself is here, one that sees whole tensors in `core.training_loop.learned_tensors`.
All parameters of a group that share a device and a precision are one batch of rows, as in `core.unroll`. A large batch is
processed in blocks of rows, which bounds the memory beside the state and keeps a block in the processor's cache.
"""

import hashlib
import math
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import singledispatch
from typing import Any, ClassVar

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.base import Input, Optimizer
from core.optimizers.module import ModuleOptimizer
from core.optimizers.module_tensors import TensorwiseModule
from core.optimizers.recurrent import RecurrentOptimizer

WHOLE = 16384  # rows up to which a batch is one block: the sums of a matrix product depend on its number of rows
BLOCK = 8192  # rows of a block otherwise
STATE = "h"  # the key of a parameter's state, [components, S]


@singledispatch
def _placed(optimizer: Optimizer, device: torch.device, dtype: torch.dtype) -> Optimizer:
    """The optimizer with its weights on a device and in a precision."""
    raise InputError(
        f"{optimizer.name} is not a learned optimizer: choose a shipped one, a run of yours or a registered module"
    )


@_placed.register
def _(optimizer: RecurrentOptimizer, device: torch.device, dtype: torch.dtype) -> Optimizer:
    return optimizer.with_theta({name: tensor.to(device, dtype) for name, tensor in optimizer.theta.items()})


@_placed.register
def _(optimizer: ModuleOptimizer, device: torch.device, dtype: torch.dtype) -> Optimizer:
    placed = optimizer.to(dtype)  # a copy
    placed.module.to(device)
    return placed


def _weights(optimizer: Optimizer) -> dict[str, Tensor]:
    if isinstance(optimizer, RecurrentOptimizer):
        return dict(optimizer.theta)
    if isinstance(optimizer, TensorwiseModule):
        return dict(optimizer.modules[torch.float32].state_dict())
    return dict(optimizer.module.state_dict()) if isinstance(optimizer, ModuleOptimizer) else {}


def weights_digest(optimizer: Optimizer) -> str:
    """A hash of a learned optimizer's weights and, if it has one, its architecture."""
    digest = hashlib.sha256()
    if isinstance(optimizer, RecurrentOptimizer):
        digest.update(optimizer.architecture.model_dump_json().encode())
    for name, tensor in sorted(_weights(optimizer).items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _precision(dtype: torch.dtype) -> torch.dtype:
    """The precision of the state and of the arithmetic: double for double, otherwise single."""
    return torch.float64 if dtype in (torch.float64, torch.complex128) else torch.float32


def _real(tensor: Tensor) -> Tensor:
    """A complex tensor as pairs of real components."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


class LearnedOptimizer(torch.optim.Optimizer):
    """The base of learned optimizers for training loops; `torch_class` makes one.

    A step runs the learned optimizer on the parameters that have a gradient, and adds ``lr`` times its updates. States and arithmetic are in
    double precision for double parameters and in single precision otherwise. If the learned optimizer reads more than gradients, it is told
    the parameters, its own steps so far, ``steps``, and the loss of a closure.

    Args:
        params: parameters or parameter groups, as for every optimizer of torch.
        lr: a factor on the updates; 1 is the optimizer as it was trained.
        steps: length of the training, for an optimizer that reads it.

    Raises:
        InputError: lr is not a finite number, 0 or more; or steps is missing, or not a whole number.
    """

    learned: ClassVar[Optimizer]
    title: ClassVar[str]
    digest: ClassVar[str]
    told: ClassVar[frozenset[str]]

    def __init__(self, params: Iterable[Any], lr: float = 1.0, steps: int | None = None):
        wrong = steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1)
        if wrong or (steps is None and "steps" in self.told):
            raise InputError(
                f"{self.title} needs steps, the length of the training, as a whole number (got {steps!r:.40})"
            )
        super().__init__(params, {"lr": lr, "steps": steps, "learned": f"{self.title} {self.digest}"})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters, with its own ``lr`` if it has one."""
        rate = param_group.get("lr", self.defaults["lr"])
        if isinstance(rate, bool) or not isinstance(rate, int | float | Tensor) or not 0 <= float(rate) < math.inf:
            raise InputError(f"lr must be a finite factor on the updates, 0 or more (got {rate!r:.40})")
        super().add_param_group(param_group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of every parameter that has a gradient.

        Args:
            closure: computes the loss and the gradients again.

        Returns:
            the closure's loss; None without one.

        Raises:
            InputError: a gradient is sparse, or the optimizer reads the loss and there is no closure.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if loss is None and "loss" in self.told:
            raise InputError(f"{self.title} reads the loss: call step(closure), with a closure that returns it")
        with torch.no_grad():
            self._take(loss)
        return loss

    @abstractmethod
    def _take(self, loss: Any) -> None:
        """One step of every parameter that has a gradient, with the loss of the closure, if any."""

    def _check_same(self, state_dict: dict[str, Any]) -> None:
        """Whether a state is of this learned optimizer.

        Raises:
            InputError: it is of another.
        """
        for group in state_dict.get("param_groups", ()):
            other = str(group.get("learned", "an optimizer of another kind"))
            if other.rsplit(maxsplit=1)[-1] != self.digest:
                raise InputError(f"this state is of {other}, and cannot continue with {self.title} {self.digest}")


class LearnedComponents(LearnedOptimizer):
    """A learned optimizer that steps every component (number) by itself, for training loops."""

    _copies: ClassVar[dict[tuple[torch.device, torch.dtype], Optimizer]]

    @property
    def state_names(self) -> tuple[str, ...]:
        """The name of each entry of a component's state, [S]."""
        return self.learned.state_names

    def _take(self, loss: Any) -> None:
        for group in self.param_groups:
            for parameters in _batches(group["params"]):
                for parameter in parameters if self.learned.reads else ():
                    self._tell(parameter, loss, group["steps"])
                self._advance(parameters, float(group["lr"]))

    def _tell(self, parameter: Tensor, loss: Any, steps: int | None) -> None:
        """Write what the optimizer reads into a parameter's state, where it stands."""
        own, state = self.state[parameter], self._state(parameter)
        values: dict[Input, Any] = {"loss": loss, "step": own.get("step", 0), "steps": steps}
        for name, index in self.learned.reads.items():
            told = _real(parameter).reshape(-1) if name == "parameter" else values[name]
            state[:, index] = told.detach().to(state) if isinstance(told, Tensor) else float(told)
        own["step"] = own.get("step", 0) + 1

    def _advance(self, parameters: Sequence[Tensor], rate: float) -> None:
        """One step of parameters that share a device and a precision."""
        first = parameters[0]
        dtype = _precision(first.dtype)
        optimizer = self._on(first.device, dtype)
        states = [self._state(parameter) for parameter in parameters]
        gradients = [_flat_gradient(parameter).to(dtype) for parameter in parameters]
        sizes = [len(gradient) for gradient in gradients]
        updates = torch.empty(sum(sizes), device=first.device, dtype=dtype)
        done = 0
        for pieces in _blocks(sizes):
            state = _joined([states[i][low:high] for i, low, high in pieces])
            gradient = _joined([gradients[i][low:high] for i, low, high in pieces])
            following, update = optimizer.step(state, gradient)
            updates[done : done + len(update)] = update
            done += len(update)
            counts = [high - low for _, low, high in pieces]
            for (i, low, high), part in zip(pieces, following.split(counts), strict=True):
                states[i][low:high] = part
        targets = [_real(parameter) for parameter in parameters]
        parts = [
            part.view(target.shape).to(target.dtype) for part, target in zip(updates.split(sizes), targets, strict=True)
        ]
        torch._foreach_add_(targets, parts, alpha=rate)  # as torch's own optimizers do

    @classmethod
    def _on(cls, device: torch.device, dtype: torch.dtype) -> Optimizer:
        """The learned optimizer on a device in a precision."""
        key = (device, dtype)
        if key not in cls._copies:
            cls._copies[key] = _placed(cls.learned, device, dtype)
        return cls._copies[key]

    def _state(self, parameter: Tensor) -> Tensor:
        """The state of a parameter's components, [n, S]; at its first step the optimizer's initial state."""
        own = self.state[parameter]
        if STATE not in own:
            cpu, dtype = torch.device("cpu"), _precision(parameter.dtype)
            start = self._on(cpu, dtype).state_at(_real(parameter.detach()).reshape(-1).to(cpu, dtype))
            own[STATE] = start.to(parameter.device).clone(memory_format=torch.contiguous_format)
        state: Tensor = own[STATE]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a ``state_dict`` of the same learned optimizer, bit for bit.

        Raises:
            InputError: it is of another optimizer, or of parameters of other sizes.
        """
        self._check_same(state_dict)
        pairs = [
            (parameter, state_dict["state"][key][STATE])
            for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=False)
            for parameter, key in zip(group["params"], saved["params"], strict=False)
            if key in state_dict["state"]
        ]
        for parameter, state in pairs:
            expected = (_real(parameter).numel(), self.learned.state_size)
            if tuple(state.shape) != expected:
                raise InputError(
                    f"the state of a parameter {list(parameter.shape)} must be {list(expected)} (got {list(state.shape)})"
                )
        super().load_state_dict(state_dict)
        for parameter, state in pairs:  # torch gives states the precision of their parameters, which can be a lower one
            kept = state.detach().to(parameter.device, _precision(parameter.dtype), copy=True)
            self.state[parameter][STATE] = kept.contiguous()


def _batches(parameters: Iterable[Tensor]) -> list[list[Tensor]]:
    """Parameters that have a gradient, together where they share a device and a precision."""
    batches: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None and parameter.numel():
            batches.setdefault((parameter.device, _real(parameter).dtype), []).append(parameter)
    return list(batches.values())


def _flat_gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    if parameter.grad.layout is not torch.strided:
        raise InputError("a learned optimizer needs dense gradients: build the embedding with sparse=False")
    return _real(parameter.grad.detach()).reshape(-1)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _blocks(sizes: Sequence[int]) -> Iterator[list[tuple[int, int, int]]]:
    """Blocks of rows over several tensors: in each, the tensor, its first row and the row after its last."""
    room = limit = WHOLE if sum(sizes) <= WHOLE else BLOCK
    pieces: list[tuple[int, int, int]] = []
    for i, size in enumerate(sizes):
        low = 0
        while low < size:
            high = min(size, low + room)
            pieces.append((i, low, high))
            room -= high - low
            low = high
            if room == 0:
                yield pieces
                room, pieces = limit, []
    if pieces:
        yield pieces


def torch_class(title: str, optimizer: Optimizer) -> type[LearnedOptimizer]:
    """A learned optimizer as a class of `torch.optim.Optimizer`.

    Args:
        title: its name, for the class and for messages.
        optimizer: a learned one.

    Raises:
        InputError: it is hand-designed.
    """
    if isinstance(optimizer, TensorwiseModule):
        from core.training_loop.learned_tensors import LearnedTensors  # it stands on this module

        base: type[LearnedOptimizer] = LearnedTensors
        told: tuple[str, ...] = optimizer.asked
    else:
        _placed(optimizer, torch.device("cpu"), torch.float32)
        base, told = LearnedComponents, tuple(optimizer.reads)
    body = {
        "learned": optimizer,
        "title": title,
        "digest": weights_digest(optimizer),
        "told": frozenset(told),
        "_copies": {},
        "__module__": __name__,
        "__doc__": f"The learned optimizer {title}; see `LearnedOptimizer`.",
    }
    words = re.findall(r"[A-Za-z0-9]+", title)
    return type("Learned" + "".join(word[:1].upper() + word[1:] for word in words), (base,), body)
