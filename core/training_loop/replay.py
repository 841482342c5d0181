"""The optimizer of a recording, for the instruments: what it would have done with other gradients at the recorded states."""

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from core.errors import InputError, sentence
from core.files.atomic import read_tensors, write_tensors
from core.optimizers.base import Optimizer
from core.optimizers.precision import double
from core.optimizers.recurrent import Architecture, RecurrentOptimizer
from core.optimizers.torch_optimizer import TorchOptimizer
from core.optimizers.wrapping import wrap
from core.plugins import OPTIMIZERS
from core.training_loop.learned import weights_digest
from core.training_loop.recording import Arrays, Recording

WEIGHTS = "optimizer.safetensors"
FORMAT = "loptscope-recorded-optimizer/1"
CLOSE = 1e-2  # relative difference between a recorded update and the one computed again
REHEARSED = 5000  # steps that an optimizer can have counted: each is rehearsed, and later ones count as this one
DIFFERENT = 0.01  # share of the updates that may differ by more

Cells = np.ndarray  # bool, [K, C]


def keep_weights(folder: Path, optimizer: Optimizer) -> None:
    """Keep a learned optimizer with its recording, so that the recording needs no other file; a module's weights stay with its code."""
    if isinstance(optimizer, RecurrentOptimizer):
        metadata = {"format": FORMAT, "architecture": optimizer.architecture.model_dump_json()}
        write_tensors(folder / WEIGHTS, optimizer.theta, metadata)


def _learned(recording: Recording) -> Optimizer:
    """The learned optimizer of a recording.

    Raises:
        InputError: its weights are damaged, or its module is not registered here.
    """
    path = recording.path / WEIGHTS
    if path.exists():
        theta, metadata = read_tensors(path, FORMAT)
        try:
            return RecurrentOptimizer(Architecture.model_validate_json(metadata.get("architecture", "")), theta)
        except ValidationError as error:
            raise InputError(f"{path} is damaged: {sentence(error)}") from None
    plugin = OPTIMIZERS.get(recording.about.optimizer)
    if plugin is None or weights_digest(plugin.optimizer) != recording.about.learned:
        raise InputError(f"the module {recording.about.optimizer} is not registered here with the recorded weights")
    return plugin.optimizer


def _torch(recording: Recording, group: int, rate: float) -> Optimizer:
    """An optimizer of `torch.optim` with the settings of a parameter group.

    Args:
        recording: the recording.
        group: number of the parameter group.
        rate: the learning rate.

    Raises:
        InputError: it is from another package, or not component-wise.
    """
    about = recording.about
    module, _, name = about.optimizer.rpartition(".")
    if module != "torch.optim" and not module.startswith("torch.optim."):  # a file must not choose what is imported
        raise InputError(f"{about.optimizer} is not one of torch.optim's optimizers, which alone can be run again")
    try:
        torch_class: Any = getattr(importlib.import_module(module), name)
        if not issubclass(torch_class, torch.optim.Optimizer):
            raise TypeError
        taken = inspect.signature(torch_class).parameters
    except (ImportError, AttributeError, TypeError, ValueError):
        raise InputError(f"this version of torch has no {about.optimizer}") from None
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in about.groups[group].items()
        if key in taken and key not in ("foreach", "fused", "capturable", "differentiable") and value is not None
    }
    made = wrap(name, torch_class, **{**settings, "lr": rate})
    if not issubclass(made, TorchOptimizer):
        raise InputError(f"{name} does not work component by component: {made.because}")
    return made()


@dataclass(frozen=True)
class Part:
    """An optimizer and the recorded steps and components that it made.

    Attributes:
        optimizer: with the settings at these steps.
        cells: where it holds, [K, C].
        factor: on its updates.
        columns: entries of the replayed states that are its own, in its order: a group without weight decay does not read the parameter.
    """

    optimizer: Optimizer
    cells: Cells
    factor: float
    columns: list[int]


@dataclass(frozen=True)
class Replay:
    """The optimizer of a recording at its recorded states.

    Attributes:
        parts: one for each parameter group and learning rate.
        states: as the optimizer reads them, [K, C, S], in double precision.
        optimizer: the one of the parts that keeps and reads most.
    """

    parts: list[Part]
    states: Tensor
    optimizer: Optimizer

    def only(self, components: Sequence[int]) -> "Replay":
        """The same for some of the components."""
        kept = list(components)
        parts = [Part(part.optimizer, part.cells[:, kept], part.factor, part.columns) for part in self.parts]
        return Replay(parts, self.states[:, kept], self.optimizer)

    def over(self, function: Callable[[Optimizer, Tensor, Cells], Tensor], *shape: int) -> Tensor:
        """A function of the optimizer, the states [n, S] and the cells, times the factor, for all steps and components, [K, C, *shape].

        NaN where a state is not known, as that of a parameter that is never stepped.
        """
        out = torch.full((*self.states.shape[:2], *shape), torch.nan, dtype=torch.float64)
        for part in self.parts:
            own = self.states[..., part.columns]
            cells = torch.from_numpy(part.cells) & torch.isfinite(own).all(-1)
            if cells.any():
                out[cells] = part.factor * function(part.optimizer, own[cells], cells.numpy())
        return out


def _read_states(recording: Recording, arrays: Arrays, optimizer: Optimizer) -> Tensor:
    """The recorded states in the optimizer's order; before its first step they are its initial ones."""
    recorded = {name: arrays.states[:, :, i] for i, name in enumerate(recording.about.state_names)}
    steps, losses = (np.broadcast_to(one[:, None], arrays.parameters.shape) for one in (arrays.steps, arrays.losses))
    also = {"parameter": arrays.parameters, "loss": losses, "step": steps}
    columns = []
    for name in optimizer.state_names:
        if name not in recorded and name not in also:
            raise InputError(f"its state {name} is not recorded, since it is not one number for each parameter")
        columns.append(recorded.get(name, also.get(name)))
    shape = arrays.parameters.shape
    blank = np.empty((*shape, 0))
    states = torch.from_numpy(np.stack([np.asarray(one, np.float64) for one in columns], 2) if columns else blank)
    start = optimizer.state_at(torch.from_numpy(arrays.parameters).double().reshape(-1)).view(*shape, len(columns))
    first = torch.from_numpy(arrays.steps == 0)[:, None, None] & states.isnan()
    states = torch.where(first, start, states)
    for (
        clock
    ) in optimizer.clocks:  # corrections of the first steps have faded by then, or the check of the updates fails
        states[..., clock] = states[..., clock].clamp(max=REHEARSED)
    return states


def replay(recording: Recording, arrays: Arrays) -> Replay:
    """The optimizer of a recording, checked against what it did.

    Args:
        recording: the recording.
        arrays: some of its steps.

    Raises:
        InputError: it cannot be run again, or does not give the recorded updates; the message says why.
    """
    groups = np.array([component.group for component in recording.about.components])
    learned = double(_learned(recording)) if recording.about.learned is not None else None
    if learned is not None and learned.together is not None:
        raise InputError(f"{learned.name} sees whole tensors, and the recording holds a sample of components")
    made: list[tuple[Optimizer, Cells, float]] = []
    for group in sorted(set(groups.tolist())):
        rates = arrays.rates[:, group]
        usual = 1.0 if learned is not None else float(np.nanmax(np.abs(rates), initial=0.0)) or 1.0
        optimizer = learned or _torch(recording, group, usual)
        for rate in np.unique(rates).tolist():
            cells = (rates == rate)[:, None] & (groups == group)
            made.append((optimizer, cells, rate / usual))  # updates are proportional to it, or the check below fails
    fullest = max((optimizer for optimizer, _, _ in made), key=lambda one: one.state_size)
    names = fullest.state_names
    for optimizer, _, _ in made:
        if not set(optimizer.state_names) <= set(names):
            kept = [", ".join(one.state_names) or "nothing" for one in (optimizer, fullest)]
            raise InputError(f"its parameter groups keep different things ({kept[0]}; {kept[1]})")
    parts = [Part(one, cells, factor, [names.index(name) for name in one.state_names]) for one, cells, factor in made]
    found = Replay(parts, _read_states(recording, arrays, fullest), fullest)
    _check(found, arrays)
    return found


def _check(found: Replay, arrays: Arrays) -> None:
    """Compare with the recorded updates.

    Raises:
        InputError: more than a hundredth of them are others.
    """
    gradients = torch.from_numpy(arrays.gradients).double()
    with torch.no_grad():
        again = found.over(
            lambda optimizer, states, cells: optimizer.step(states, gradients[torch.from_numpy(cells)])[1]
        )
    recorded = torch.from_numpy(arrays.updates).double()
    last_bits = (
        4
        * torch.finfo(torch.from_numpy(arrays.parameters[:0]).dtype).eps
        * torch.from_numpy(arrays.parameters).double().abs()
    )
    known = gradients.isfinite() & again.isfinite() & recorded.isfinite()
    differ = ((again - recorded).abs() > CLOSE * recorded.abs() + last_bits + 1e-12)[known]
    if len(differ) == 0:
        raise InputError("no recorded step has a gradient and a state")
    share = float(differ.double().mean())
    late = found.optimizer.clocks and arrays.steps[-1] > REHEARSED
    why = f"it depends on the step after step {REHEARSED:,}, or " if late else ""
    parameters = torch.from_numpy(arrays.parameters)
    for half in (torch.bfloat16, torch.float16):
        if share > DIFFERENT and torch.equal(
            parameters.nan_to_num(), parameters.nan_to_num().to(half).to(parameters.dtype)
        ):
            name = str(half).removeprefix("torch.")
            raise InputError(
                f"the parameters are kept in {name}, and rounding to it changes {100 * share:.0f} % of the updates"
            )
    if share > DIFFERENT:
        raise InputError(
            f"the optimizer, run again from the recorded states and gradients, does not give the recorded updates in "
            f"{100 * share:.0f} % of the cases: {why}something else changes gradients or parameters"
        )
