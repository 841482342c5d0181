"""Wraps optimizers of `torch.optim` and its kind whose state is one number for each parameter, as hand-designed optimizers.

A step takes torch's own optimizer, sets its parameter, its state and its counters, lets it take a step, and reads the parameter and the
state; it matches torch bit for bit. Derivatives are torch's if the optimizer accepts ``differentiable``, otherwise difference
quotients. A class whose update depends on the parameter itself (weight decay, averages of the iterates) reads it. A class that sees more
than one component at a time is wrapped by `core.optimizers.torch_tensors`; `core.optimizers.wrapping` decides.
"""

import copy
from collections import defaultdict
from typing import Any, ClassVar

import torch
from torch import Tensor

from core.optimizers.base import Input
from core.optimizers.differences import difference_quotients
from core.optimizers.full_precision import InFull
from core.optimizers.hand_designed import HandDesigned
from core.optimizers.precision import double
from core.optimizers.quiet import quiet
from core.optimizers.torch_class import OWN, Anatomy, TorchClass, values_of_row


class TorchOptimizer(HandDesigned):
    """The base of wrapped component-wise optimizers; `core.optimizers.wrapping.wrap` makes one.

    Attributes:
        source: torch's class with its fixed settings.
        anatomy: what it keeps, at its usual hyperparameters.
        clocked: whether anything it keeps changes with the step alone.
        counts_late: whether what it counts is missing before the first step, which starts it.
        starts_late: whether all that it keeps is missing before the first step, which makes it in a way of its own (SGD with dampening). It then
            counts steps, so that the first one is known.
        reads_parameter: whether its update depends on the parameter.
        exact: whether torch can differentiate through the step.
        is_smooth: whether the update is continuous at gradient 0.
        full: whether what it computes in a lower precision than double is computed in double.
    """

    color: ClassVar[str] = "#D55E00"  # the colour of learned optimizers
    pooled: ClassVar[bool] = False
    source: ClassVar[TorchClass]
    anatomy: ClassVar[Anatomy]
    clocked: ClassVar[bool]
    counts_late: ClassVar[bool] = False
    starts_late: ClassVar[bool] = False
    reads_parameter: ClassVar[bool]
    exact: ClassVar[bool]
    is_smooth: ClassVar[bool] = True
    full: ClassVar[bool] = False  # analysis sets it on its copies

    @property
    def counts(self) -> bool:
        return self.clocked

    @property
    def smooth(self) -> bool:
        return self.is_smooth

    @property
    def differentiable(self) -> bool:
        return self.exact

    @property
    def coarse(self) -> float | None:
        return type(self).source.coarse

    @property
    def state_names(self) -> tuple[str, ...]:
        read = ("parameter",) if self.reads_parameter else ()
        return (*self.memory, *read, *(("step",) if self.clocked else ()))

    @property
    def reads(self) -> dict[Input, int]:
        return {"parameter": len(self.memory)} if self.reads_parameter else {}

    def initial_state(self, n: int, dtype: torch.dtype | None = None) -> Tensor:
        return self.state_at(torch.zeros(n, dtype=dtype or torch.float32))

    def state_at(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), self.state_size)
        for rows, values in self._groups(x.new_zeros(len(x))):
            for i, start in enumerate(_starts(type(self), tuple(values.items()))):
                state[rows, i] = x[rows] if isinstance(start, str) else start
        if self.reads_parameter:
            state[:, len(self.memory)] = x
        return state

    def step(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        if self.full:
            with InFull():
                return self._stepped(state, gradient)
        return self._stepped(state, gradient)

    def _stepped(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        tracked = torch.is_grad_enabled() and (state.requires_grad or gradient.requires_grad)
        if tracked and not self.exact:
            return _Differences.apply(self, state, gradient)
        return self._grouped(state, gradient, tracked)

    def _groups(self, clock: Tensor) -> list[tuple[Any, dict[str, float]]]:
        """Rows with the same step and hyperparameters, and these, since torch has one of each for a whole parameter."""
        values = self.hyperparameters()
        each = [value for value in values.values() if isinstance(value, Tensor) and value.ndim]
        keys = [clock.double(), *(value.double() for value in each)]
        same = all(bool((key == key[0]).all()) for key in keys) if len(clock) else True
        if same:
            return [(slice(None), values_of_row(values, 0))]
        groups, which = torch.unique(torch.stack(keys, 1), dim=0, return_inverse=True)
        found = [torch.nonzero(which == group)[:, 0] for group in range(len(groups))]
        return [(rows, values_of_row(values, int(rows[0]))) for rows in found]

    def _grouped(self, state: Tensor, gradient: Tensor, tracked: bool) -> tuple[Tensor, Tensor]:
        clock = state[:, -1].detach() if self.clocked else gradient.new_zeros(len(gradient))
        groups = self._groups(clock)
        if len(groups) == 1:
            return self._together(state, gradient, groups[0][1], tracked)
        parts = [self._together(state[rows], gradient[rows], values, tracked) for rows, values in groups]
        back = torch.argsort(torch.cat([rows for rows, _ in groups]))
        return torch.cat([part[0] for part in parts])[back], torch.cat([part[1] for part in parts])[back]

    def _together(
        self, state: Tensor, gradient: Tensor, values: dict[str, float], tracked: bool
    ) -> tuple[Tensor, Tensor]:
        source, width = type(self).source, len(self.memory)
        at = round(float(state[0, -1].detach())) if self.clocked and len(state) else 0
        before = state[:, width] if self.reads_parameter else torch.zeros(len(state), dtype=state.dtype)
        parameter = before.detach().clone().requires_grad_()
        if tracked:
            parameter = (before if before.requires_grad else before.requires_grad_()).clone()
            parameter.retain_grad()
        optimizer = source.prepared(values, tracked=tracked)
        rest = source.rest_at(_anatomy(type(self), tuple(values.items())), values, at)
        own: dict[str, Any] = copy.deepcopy(rest.state)
        if tracked:  # counters then take part in the arithmetic, which must not be in their single precision
            own = {key: _in(value, state.dtype) for key, value in own.items()}
        for i, (name, kind) in enumerate(zip(self.memory, self.anatomy.kinds, strict=True)):
            own[name] = state[:, i].clone() if kind is None else state[:, i].detach().to(kind)
        if self.starts_late and at == 0:
            own = {}
        optimizer.state = defaultdict(dict)
        if own:
            optimizer.state[parameter] = own
        group = optimizer.param_groups[0]
        tracking = group.get("differentiable")
        group.clear()
        group |= {**copy.deepcopy(rest.group), "params": [parameter]}
        if tracking is not None:
            group["differentiable"] = tracking
        attributes = vars(optimizer)
        for name in [name for name in attributes if name not in OWN and name not in rest.own]:
            del attributes[name]
        attributes.update(copy.deepcopy(rest.own))
        parameter.grad = gradient.clone()
        with quiet():
            optimizer.step()
        kept = optimizer.state[parameter]
        after = [kept[name].to(state.dtype) for name in self.memory]
        if self.reads_parameter:
            after.append(state[:, width])
        if self.clocked:
            after.append(state[:, -1] + 1)
        update = parameter - before if self.reads_parameter else parameter
        optimizer.state = defaultdict(dict)
        group["params"] = []
        following = torch.stack(after).mT if after else state
        return (following, update) if tracked else (following.detach(), update.detach())


def _anatomy(cls: type[TorchOptimizer], values: tuple[tuple[str, float], ...]) -> Anatomy:
    """What a class keeps at some hyperparameters; the usual ones, or looked into once."""
    known: dict[Any, Anatomy] = cls.__dict__["_known"]
    if values not in known:
        if len(known) > 256:
            known.clear()
        known[values] = cls.source.anatomy(dict(values))
        if cls.counts_late:
            known[values].rests[0].state.clear()
    return known[values]


def _starts(cls: type[TorchOptimizer], values: tuple[tuple[str, float], ...]) -> tuple[float | str, ...]:
    """The starts at some hyperparameters; those that are the start point keep that."""
    usual = cls.anatomy.starts
    found = _anatomy(cls, values).starts
    return tuple(one if isinstance(one, str) else other for one, other in zip(usual, found, strict=True))


@double.register
def _(optimizer: TorchOptimizer) -> TorchOptimizer:
    if optimizer.coarse is None:
        return optimizer
    made = copy.copy(optimizer)
    object.__setattr__(made, "full", True)
    return made


def _in(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


class _Differences(torch.autograd.Function):
    """One step whose derivatives are difference quotients for every row."""

    @staticmethod
    def forward(context: Any, optimizer: TorchOptimizer, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        context.optimizer = optimizer
        context.save_for_backward(state, gradient)
        return optimizer._grouped(state.detach(), gradient.detach(), False)  # noqa: SLF001 - the same module

    @staticmethod
    def backward(context: Any, *above: Tensor) -> tuple[None, Tensor, Tensor]:
        by_state, by_update = above
        state, gradient = context.saved_tensors
        optimizer, size = context.optimizer, state.shape[1]
        inputs = [i for i in range(size + 1) if i not in optimizer.clocks]
        found = difference_quotients(
            optimizer.step, state.double(), gradient.double(), inputs, optimizer.rounding_of(state)
        ).values
        weights = torch.cat([by_state, by_update[:, None]], 1).double()
        slopes = torch.zeros(len(state), size + 1, dtype=torch.float64)
        # an output without weight says nothing, whether it has a slope or not
        slopes[:, inputs] = torch.where(weights[:, :, None] != 0, found * weights[:, :, None], 0.0).sum(1)
        slopes = slopes.to(state.dtype)
        return None, slopes[:, :-1], slopes[:, -1]
