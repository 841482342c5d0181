"""Wraps `torch.optim`-style optimizers, whose state is one number for each parameter, as hand-designed optimizers.

A step builds torch's optimizer around a parameter at 0, sets its state, takes a step, and reads the parameter and the state;
it matches torch bit for bit. Derivatives are torch's if the optimizer accepts ``differentiable``,
otherwise central differences (relative error about 1e-7 in float64).
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import field, make_dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.checks import check_optimizer, is_smooth
from core.optimizers.hand_designed import HandDesigned
from core.optimizers.schedules import Scalar

# Loptscope's names of hyperparameters, and torch's: "betas.0" is the first of a tuple.
NAMES = {
    "learning_rate": "lr",
    "momentum": "momentum",
    "decay": "alpha",
    "rho": "rho",
    "beta1": "betas.0",
    "beta2": "betas.1",
    "epsilon": "eps",
    "learning_rate_decay": "lr_decay",
}
WIDTHS = 1e-5, 1e-6  # relative widths of central differences; two of them distinguish a slope from a jump
TRIED = 6  # steps over which a wrapped optimizer is compared with torch's

Call = Callable[..., torch.optim.Optimizer]


def _arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Torch's arguments for hyperparameters."""
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        into, _, index = NAMES[name].partition(".")
        if index:
            arguments[into] = (*arguments.get(into, ()), value)
        else:
            arguments[into] = value
    return arguments


class TorchOptimizer(HandDesigned):
    """The base of wrapped optimizers; `wrap` makes one.

    Attributes:
        make: torch's class with its fixed settings.
        starts: initial value of each entry of ``memory``.
        clocked: whether torch counts steps in the state.
        clock_is_tensor: whether that counter is a tensor.
        exact: whether torch can differentiate through the step.
        is_smooth: whether the update is continuous at gradient 0.
    """

    color: ClassVar[str] = "#D55E00"  # the colour of learned optimizers
    make: ClassVar[Call]
    starts: ClassVar[tuple[float, ...]]
    clocked: ClassVar[bool]
    clock_is_tensor: ClassVar[bool]
    exact: ClassVar[bool]
    is_smooth: ClassVar[bool]

    @property
    def counts(self) -> bool:
        return self.clocked

    @property
    def smooth(self) -> bool:
        return self.is_smooth

    def initial_state(self, n: int, dtype: torch.dtype = torch.float32) -> Tensor:
        starts = (*self.starts, 0.0) if self.clocked else self.starts
        return torch.tensor(starts, dtype=dtype).repeat(n, 1)

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        tracked = torch.is_grad_enabled() and (state.requires_grad or gradient.requires_grad)
        if tracked and not self.exact:
            return _Differences.apply(self, state, gradient)
        return self._grouped(state, gradient, tracked)

    def _grouped(self, state: Tensor, gradient: Tensor, tracked: bool) -> tuple[Tensor, Tensor]:
        """Step rows with the same step and hyperparameters together, since torch has one of each for a whole parameter."""
        keys = [state[:, -1].detach()] if self.clocked else []
        values = self.hyperparameters()
        keys += [value.to(state.dtype) for value in values.values() if isinstance(value, Tensor) and value.ndim]
        if not keys or len(state) == 0:
            return self._together(state, gradient, values, tracked)
        groups, which = torch.unique(torch.stack(keys, 1), dim=0, return_inverse=True)
        if len(groups) == 1:
            return self._together(state, gradient, _first_of(values, 0), tracked)
        parts, places = [], []
        for group in range(len(groups)):
            rows = torch.nonzero(which == group)[:, 0]
            parts.append(self._together(state[rows], gradient[rows], _first_of(values, int(rows[0])), tracked))
            places.append(rows)
        back = torch.argsort(torch.cat(places))
        return torch.cat([part[0] for part in parts])[back], torch.cat([part[1] for part in parts])[back]

    def _together(
        self, state: Tensor, gradient: Tensor, values: Mapping[str, Scalar], tracked: bool
    ) -> tuple[Tensor, Tensor]:
        numbers = {name: float(value) for name, value in values.items()}
        parameter = torch.zeros(len(state), dtype=state.dtype, requires_grad=True)
        if tracked:
            parameter = parameter.clone()
            parameter.retain_grad()
        optimizer = type(self).make([parameter], **_arguments(numbers), **({"differentiable": True} if tracked else {}))
        own = {name: state[:, i].clone() for i, name in enumerate(self.memory)}
        if self.clocked:
            at = float(state[0, -1].detach()) if len(state) else 0.0
            own["step"] = torch.tensor(at, dtype=state.dtype) if self.clock_is_tensor else int(at)  # type: ignore[assignment]
        if own:
            optimizer.state[parameter] = own
        parameter.grad = gradient.clone()
        optimizer.step()
        after = [optimizer.state[parameter][name] for name in self.memory]
        if self.clocked:
            after.append(state[:, -1] + 1)
        following = torch.stack(after, 1) if after else state
        return (following, parameter) if tracked else (following.detach(), parameter.detach())

    def quotient(self, inputs: Tensor, index: int, width: float, by_state: Tensor, by_update: Tensor) -> Tensor:
        """The central difference quotient of a step's weighted results by one input, [n].

        Args:
            inputs: states and gradients, [n, S + 1].
            index: of the input.
            width: of the difference, relative to 1 + the input's size.
            by_state, by_update: weights of the next state [n, S] and of the update [n].
        """
        step = width * (1 + inputs[:, index].abs())
        ends = []
        for sign in (1, -1):
            shifted = inputs.clone()
            shifted[:, index] += sign * step
            ends.append(self._grouped(shifted[:, :-1], shifted[:, -1], False))
        (high, up), (low, down) = ends
        return (((high - low) * by_state).sum(1) + (up - down) * by_update) / (2 * step)


def _first_of(values: Mapping[str, Scalar], row: int) -> dict[str, Scalar]:
    return {name: value[row] if isinstance(value, Tensor) and value.ndim else value for name, value in values.items()}


class _Differences(torch.autograd.Function):
    """One step whose derivatives are central differences for every row."""

    @staticmethod
    def forward(context: Any, optimizer: TorchOptimizer, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        context.optimizer = optimizer
        context.save_for_backward(state, gradient)
        return optimizer._grouped(state.detach(), gradient.detach(), False)  # noqa: SLF001 - the same module

    @staticmethod
    def backward(context: Any, *above: Tensor) -> tuple[None, Tensor, Tensor]:
        by_state, by_update = above
        state, gradient = context.saved_tensors
        moving = state.shape[1] - (1 if context.optimizer.clocked else 0)
        inputs = torch.cat([state, gradient[:, None]], 1).double()
        slopes = torch.zeros_like(inputs)
        for i in [*range(moving), state.shape[1]]:
            wide, narrow = (context.optimizer.quotient(inputs, i, width, by_state, by_update) for width in WIDTHS)
            value = torch.where(wide.abs() > 3 * narrow.abs(), narrow, wide)  # a jump close to the input
            slopes[:, i] = torch.where(narrow.abs() > 3 * wide.abs(), 0.0, value)  # a jump at the input is ignored
        slopes = slopes.to(state.dtype)
        return None, slopes[:, :-1], slopes[:, -1]


def wrap(name: str, torch_class: type[torch.optim.Optimizer], **settings: Any) -> type[TorchOptimizer]:
    """A hand-designed optimizer from a class with torch's interface.

    Its hyperparameters are the arguments in `NAMES`, with torch's defaults or those of ``settings``. With a momentum of 0 it has no
    momentum hyperparameter.

    Args:
        name: of the new optimizer.
        torch_class: such as `torch.optim.Adagrad`.
        settings: torch's arguments: defaults of hyperparameters, and fixed settings such as ``weight_decay=0``.

    Raises:
        InputError: its state is not one number for each parameter, its update depends on the parameter itself, components
            influence each other, or its initial state is not fixed.
    """
    signature = inspect.signature(torch_class).parameters
    usual, used = {}, set()
    for ours, theirs in NAMES.items():
        into, _, index = theirs.partition(".")
        if into not in signature:
            continue
        value = settings.get(into, signature[into].default)
        if index and isinstance(value, tuple) and int(index) < len(value):
            value = value[int(index)]
        if isinstance(value, bool) or not isinstance(value, int | float | Tensor):
            raise InputError(f"{name}: torch has no default number for {into}: set it, as in {into}=0.1")
        used.add(into)
        if ours != "momentum" or float(value) != 0:
            usual[ours] = float(value)
    quiet = {key: False for key in ("foreach", "fused", "capturable") if key in signature}
    fixed = {**quiet, **{key: value for key, value in settings.items() if key not in used}}

    def make(parameters: list[Tensor], **more: Any) -> torch.optim.Optimizer:
        return torch_class(parameters, **{**fixed, **more})

    entries, starts, clock = _look_into(name, make, usual)
    if _look_into(name, make, {**usual, "learning_rate": 3 * usual["learning_rate"]})[1] != starts:
        raise InputError(f"{name} cannot be wrapped: its initial state depends on its learning rate")
    body = {
        "kind": name,
        "title": name,
        "memory": entries,
        "make": staticmethod(make),
        "starts": starts,
        "clocked": clock is not None,
        "clock_is_tensor": isinstance(clock, Tensor),
        "exact": "differentiable" in signature,
        "is_smooth": True,
        "pooled": False,
        "__doc__": f"`{torch_class.__module__}.{torch_class.__qualname__}`, wrapped.",
    }
    parts = [(key, Scalar, field(default=value)) for key, value in usual.items()]
    made = make_dataclass(name, parts, bases=(TorchOptimizer,), namespace=body, frozen=True)
    made.is_smooth = is_smooth(made())  # type: ignore[attr-defined]
    check_optimizer(made())
    _compare(name, made, make, usual)
    return made


def _one_step(optimizer: torch.optim.Optimizer, parameter: Tensor, gradient: Tensor) -> None:
    parameter.grad = gradient.clone()
    optimizer.step()


def _look_into(name: str, make: Call, usual: Mapping[str, float]) -> tuple[tuple[str, ...], tuple[float, ...], Any]:
    """Names of the state's entries, their initial values, and its clock; refuses optimizers that cannot be wrapped."""
    count = 3
    try:
        parameter = torch.zeros(count, dtype=torch.float64, requires_grad=True)
        optimizer = make([parameter], **_arguments(usual))
        _one_step(optimizer, parameter, torch.zeros(count, dtype=torch.float64))
    except Exception as error:  # noqa: BLE001 - other people's code can raise anything
        text = " ".join(str(error).split())
        raise InputError(
            f"{name} cannot be wrapped: a plain step fails with {type(error).__name__}: {text:.200}"
        ) from None
    entries, starts, clock = [], [], None
    for key, value in optimizer.state[parameter].items():
        if value is None:
            continue
        if isinstance(value, Tensor) and value.shape == (count,):
            if len(set(value.tolist())) != 1:
                raise InputError(
                    f"{name} cannot be wrapped: its {key} does not start at the same value for all parameters"
                )
            entries.append(key)
            starts.append(float(value[0]))
        elif key == "step":
            clock = value
        else:
            shape = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise InputError(
                f"{name} cannot be wrapped: its state {key} ({shape}) is not one number for each parameter"
            )
    return tuple(entries), tuple(starts), clock


def _compare(name: str, made: type[TorchOptimizer], make: Call, usual: Mapping[str, float]) -> None:
    """Compare with torch's own optimizer step by step."""
    source = torch.Generator().manual_seed(0)
    gradients = torch.randn(TRIED, 5, generator=source, dtype=torch.float64)

    def path(start: float) -> list[Tensor]:
        parameter = torch.full((5,), start, dtype=torch.float64, requires_grad=True)
        optimizer, points = make([parameter], **_arguments(usual)), []
        for gradient in gradients:
            _one_step(optimizer, parameter, gradient)
            points.append(parameter.detach().clone() - start)
        return points

    from_zero = path(0.0)
    if not torch.allclose(path(3.0)[0], from_zero[0], rtol=1e-9, atol=1e-12):
        raise InputError(
            f"{name} cannot be wrapped: its update depends on the parameter itself, which a component-wise optimizer does not "
            "receive (set weight_decay=0)"
        )
    ours = made()
    state, here = ours.initial_state(5, torch.float64), torch.zeros(5, dtype=torch.float64)
    for gradient, there in zip(gradients, from_zero, strict=True):
        state, update = ours.step(state, gradient)
        here = here + update
        if not torch.allclose(here, there, rtol=1e-9, atol=1e-12):
            raise InputError(f"{name} cannot be wrapped: its initial state is not fixed")
