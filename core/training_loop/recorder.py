"""Records a training while it runs: hooks before and after the optimizer's steps, in anybody's loop.

```python
with ls.record(optimizer, model) as recording:
    for images, labels in batches:
        optimizer.zero_grad()
        loss = cross_entropy(model(images), labels)
        recording.loss(loss)
        loss.backward()
        optimizer.step()
```
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import ConflictError, InputError
from core.files.atomic import write_json
from core.runs.lock import LOCK_FILE, RunLock, acquire
from core.runs.run import is_name, runs_root
from core.training_loop.learned import STATE, LearnedComponents, LearnedOptimizer
from core.training_loop.recording import ABOUT, END, STEPS, About, End, is_recorded, record_type
from core.training_loop.replay import WEIGHTS, keep_weights
from core.training_loop.sample import Sampled, choose, components
from core.version import __version__

MOST = 1024  # components
DENSE = 16, 2048  # fewest and most steps at the beginning that are all recorded
DENSE_BYTES = 8 * 2**20  # that they take, about; every later doubling of the steps takes half of that
SECONDS = 1.0  # between two writes
WAITING = 256  # records between two writes, at most


class Recorder:
    """A recording being made; `record` makes one. Its hooks are in place inside of its ``with`` block.

    Args:
        optimizer: whose steps are recorded.
        sampled: the components that are recorded.
        model: the class of the model.
        path: the recording's folder.

    Attributes:
        path: the recording's folder.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, sampled: Sequence[Sampled], model: str, path: Path):
        self.path = path
        self._optimizer = optimizer
        self._sampled = sampled
        self._model = model
        self._about: About | None = None
        self._names: list[str] | None = None  # of the state's entries, known after the first step
        first = sampled[0].parameter
        self._dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
        self._devices = len({one.parameter.device for one in sampled})
        counts = torch.tensor([len(one.indices) for one in sampled])
        self._owners = torch.repeat_interleave(torch.arange(len(sampled)), counts).to(
            first.device
        )  # a tensor's number, [C]
        self._step = 0  # the number of the step now or next
        self._told: dict[int, list[Tensor | float]] = {}
        self._before: bool | None = None  # whether losses are told before their step
        self._open: dict[str, Any] | None = None  # the step that is being taken
        self._last: dict[str, Any] | None = None  # the one before, whose loss may still be told
        self._waiting: list[dict[str, Any]] = []
        self._written = self._started = 0.0
        self._dense = DENSE[0]
        self._off = False
        self._hooks: list[Any] = []
        self._lock: RunLock | None = None

    @property
    def name(self) -> str:
        """The name of the recording."""
        return self.path.name

    def loss(self, value: Tensor | float) -> None:
        """Tell the loss of a step, before it or after it, in the same order throughout; of several for one step, the mean is recorded.

        Args:
            value: one number.

        Raises:
            InputError: it is not one number.
        """
        if isinstance(value, Tensor) and value.numel() == 1:
            # Reading it from a GPU would wait for the GPU: that is left for later.
            kept: Tensor | float = value.item() if value.device.type == "cpu" else value.detach()
        elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
            kept = float(value)
        else:
            raise InputError(f"loss must be one number (got {value!r:.60})")
        if self._before is None:
            self._before = self._step == 0
        self._told.setdefault(self._step if self._before else self._step - 1, []).append(kept)

    def __enter__(self) -> "Recorder":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
        except FileExistsError:
            raise ConflictError(f"{self.path} exists already: give the recording another name") from None
        self._lock = acquire(self.path)
        self._hooks = [
            self._optimizer.register_step_pre_hook(self._begin_step),
            self._optimizer.register_step_post_hook(self._end_step),
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._close_last()
        if not self._off and self._about is not None:
            said = "" if error is None else " ".join(f"{type(error).__name__}: {error}".split())[:300]
            self._write()
            end = End(steps=self._step, seconds=time.time() - self._started, error=said)
            self._guarded(lambda: write_json(self.path / END, end))
        if self._lock is not None:
            self._lock.release()
        if self._about is None:  # nothing was recorded, so nothing is left behind
            with suppress(OSError):
                for file in (LOCK_FILE, WEIGHTS):
                    (self.path / file).unlink(missing_ok=True)
                self.path.rmdir()
            if error is None and not self._off:
                raise InputError("nothing was recorded: the optimizer took no step inside of the with block")

    def _begin_step(
        self, _: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Before a step: keep parameters, states and gradients; with a closure, gradients and the loss once it has been called."""
        self._close_last()
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if self._off or not is_recorded(self._step, self._dense):
            return None
        if self._started == 0:
            self._started = self._written = time.time()
        with torch.no_grad():
            self._open = {
                "step": self._step,
                "rates": [float(group.get("lr", math.nan)) for group in self._optimizer.param_groups],
                "parameters": self._read(lambda one: one.parameter),
                "states": None if self._names is None else self._states(self._names),
            }
            if closure is None:
                self._open["gradients"] = self._read(lambda one: one.parameter.grad)
        if closure is None:
            return None
        watched = self._watched(closure)
        if "closure" in kwargs:
            return args, {**kwargs, "closure": watched}
        return (args[0], watched, *args[2:]), kwargs

    def _watched(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """The closure, whose first call gives this step's loss and gradients."""

        def run() -> Any:
            loss = closure()
            if self._open is not None and "gradients" not in self._open:
                with torch.no_grad():
                    self._open["gradients"] = self._read(lambda one: one.parameter.grad)
                if (
                    self._step not in self._told
                    and isinstance(loss, Tensor | float)
                    and torch.as_tensor(loss).numel() == 1
                ):
                    self._told[self._step] = [loss.detach().clone() if isinstance(loss, Tensor) else loss]
            return loss

        return run

    def _end_step(self, *_: Any) -> None:
        """After a step: its update is known, and after the first one the entries of the state."""
        if self._open is not None:
            with torch.no_grad():
                self._open["updates"] = self._read(lambda one: one.parameter) - self._open["parameters"]
                if "gradients" not in self._open:  # the closure was not called
                    self._open["gradients"] = self._read(lambda one: one.parameter.grad)
            if self._about is None:
                self._guarded(self._describe)
            self._last, self._open = self._open, None
        self._step += 1

    def _read(self, of: Callable[[Sampled], Tensor | None]) -> Tensor:
        """The recorded components of one tensor for each parameter, [C]."""
        return self._together([one.read(of(one)) for one in self._sampled])

    def _together(self, parts: Sequence[Tensor]) -> Tensor:
        """Parts of the sample as one tensor, in the recording's precision and on its device."""
        if self._devices > 1:
            parts = [part.to(self._sampled[0].indices.device) for part in parts]
        joined = torch.cat(list(parts))
        return joined if joined.dtype == self._dtype else joined.to(self._dtype)

    def _states(self, names: Sequence[str]) -> Tensor:
        """The states of the recorded components, [C, S]."""
        own = [self._optimizer.state.get(one.parameter, {}) for one in self._sampled]
        if isinstance(self._optimizer, LearnedComponents):
            none = torch.full((1, len(names)), math.nan, dtype=self._dtype)
            return self._together(
                [
                    one.rows(state[STATE])
                    if STATE in state
                    else none.to(one.indices.device).expand(len(one.indices), -1)
                    for one, state in zip(self._sampled, own, strict=True)
                ]
            )
        columns = [self._column([state.get(name) for state in own]) for name in names]
        return torch.stack(columns, 1) if columns else self._read(lambda one: None)[:, None][:, :0]

    def _column(self, values: Sequence[Any]) -> Tensor:
        """An entry of the state, [C]; a single number holds for its whole tensor."""
        whole = [
            value if isinstance(value, Tensor) and value.shape == one.parameter.shape and value.ndim else None
            for one, value in zip(self._sampled, values, strict=True)
        ]
        if any(part is not None for part in whole):
            return self._together([one.read(part) for one, part in zip(self._sampled, whole, strict=True)])
        device = self._sampled[0].indices.device
        numbers = [math.nan if value is None else value for value in values]
        if device.type == "cpu":
            each = torch.tensor([float(value) for value in numbers], dtype=self._dtype)
        else:  # reading them would wait for the device
            each = torch.stack(
                [torch.as_tensor(value, dtype=self._dtype, device=device).reshape(()) for value in numbers]
            )
        return each[self._owners]

    def _describe(self) -> None:
        """After the first step: what is recorded, and how many steps in full."""
        names, left_out = _entries(self._optimizer, self._sampled)
        self._names = names
        groups = self._optimizer.param_groups
        precision = str(self._dtype).removeprefix("torch.")
        listed = components(self._sampled)
        size = record_type(len(listed), len(names), len(groups), precision).itemsize
        self._dense = min(max(DENSE_BYTES // size, DENSE[0]), DENSE[1])
        learned = isinstance(self._optimizer, LearnedOptimizer)
        kind = type(self._optimizer)
        about = About(
            optimizer=kind.title if learned else f"{kind.__module__}.{kind.__qualname__}",  # type: ignore[attr-defined]
            learned=kind.digest if learned else None,  # type: ignore[attr-defined]
            groups=[_settings(group) for group in groups],
            model=self._model,
            parameters=sum(parameter.numel() for group in groups for parameter in group["params"]),
            tensors=sum(len(group["params"]) for group in groups),
            components=listed,
            state_names=names,
            left_out=left_out,
            precision=precision,  # type: ignore[arg-type]
            dense=self._dense,
            started=self._started,
            version=__version__,
            torch=torch.__version__,
        )
        if isinstance(self._optimizer, LearnedOptimizer):
            keep_weights(self.path, self._optimizer.learned)
        write_json(self.path / ABOUT, about)
        self._about = about

    def _close_last(self) -> None:
        """The step before is complete: no more losses are told for it."""
        if self._last is not None and not self._off:
            self._last["losses"] = self._told.pop(self._last["step"], [])
            self._waiting.append(self._last)
            self._last = None
            if len(self._waiting) >= WAITING or time.time() - self._written > SECONDS:
                self._write()
        for step in [step for step in self._told if step < self._step]:
            del self._told[step]  # of a step that is not recorded

    def _write(self) -> None:
        """Append the waiting records to the file."""
        if self._off or self._about is None or not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        self._written = time.time()
        count, entries = len(self._about.components), len(self._about.state_names)
        records = np.zeros(len(waiting), self._about.record())
        records["step"] = [one["step"] for one in waiting]
        records["loss"] = [_mean(one["losses"]) for one in waiting]
        for row, one in zip(records, waiting, strict=True):
            row["rates"] = (one["rates"] + [math.nan] * len(row["rates"]))[: len(row["rates"])]
        for name in ("parameters", "gradients", "updates"):
            records[name] = torch.stack([one[name] for one in waiting]).cpu().numpy()
        blank = waiting[0]["parameters"].new_full((count, entries), math.nan)
        states = [blank if one["states"] is None else one["states"] for one in waiting]
        records["states"] = torch.stack(states).cpu().numpy()

        def append() -> None:
            with (self.path / STEPS).open("ab") as file:
                file.write(records.tobytes())

        self._guarded(append)

    def _guarded(self, write: Callable[[], None]) -> None:
        """A full disk or a deleted folder ends the recording and not the training."""
        try:
            write()
        except OSError as error:
            self._off, self._waiting = True, []
            warnings.warn(
                f"the recording {self.name} stops at step {self._step}, and the training goes on: {error.strerror}",
                stacklevel=2,
            )


def _mean(told: Sequence[Tensor | float]) -> float:
    return sum(map(float, told)) / len(told) if told else math.nan


def _entries(optimizer: torch.optim.Optimizer, sampled: Sequence[Sampled]) -> tuple[list[str], list[str]]:
    """The entries of the state that are recorded, and those that are not: they are neither of the parameter's shape nor one number."""
    if isinstance(optimizer, LearnedComponents):
        return list(optimizer.state_names), []
    kept: dict[str, bool] = {}
    for one in sampled:
        for name, value in optimizer.state.get(one.parameter, {}).items():
            single = isinstance(value, int | float) or (isinstance(value, Tensor) and value.numel() == 1)
            shaped = isinstance(value, Tensor) and value.shape == one.parameter.shape
            if value is not None:
                kept[str(name)] = kept.get(str(name), True) and (single or shaped)
    return [name for name, fits in kept.items() if fits], [name for name, fits in kept.items() if not fits]


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a parameter group that JSON can hold."""
    found: dict[str, Any] = {}
    for name, value in group.items():
        if name == "params":
            continue
        plain = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
        if isinstance(plain, tuple | list) and all(isinstance(part, int | float | Tensor) for part in plain):
            plain = [float(part) for part in plain]
        finite = not isinstance(plain, float) or math.isfinite(plain)
        if finite and (plain is None or isinstance(plain, bool | int | float | str | list)):
            found[str(name)] = plain
    return found


def record(
    optimizer: torch.optim.Optimizer,
    model: nn.Module,
    name: str | None = None,
    *,
    components: int = 64,
) -> Recorder:
    """Record a training loop: ``with record(optimizer, model) as recording:`` around it.

    The recording has the losses that the loop tells (``recording.loss(value)``, or what a closure returns) and, for a fixed sample of
    components, parameters, gradients, updates and states. All steps are recorded at first; later every 2nd, 4th, … as their number
    doubles, so that a recording of a million steps stays below some hundred megabytes. The optimizer's numbers do not change.

    Args:
        optimizer: any optimizer of `torch.optim`, or a class of `torch_optimizer`.
        model: the model that it trains; names the components.
        name: of the recording, a folder among the runs; by default the date and the time.
        components: how many are recorded, spread over all tensors.

    Raises:
        InputError: an argument is invalid, or the optimizer has none of the model's parameters.
    """
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise InputError(f"the optimizer must be a torch.optim.Optimizer (got {type(optimizer).__name__})")
    if not isinstance(model, nn.Module):
        raise InputError(f"the model must be a torch.nn.Module (got {type(model).__name__})")
    if isinstance(components, bool) or not isinstance(components, int) or not 1 <= components <= MOST:
        raise InputError(f"components must be a whole number from 1 to {MOST} (got {components!r:.40})")
    if name is None:
        name = datetime.now().astimezone().strftime("recording-%Y%m%d-%H%M%S-%f")[:-3]
    if not isinstance(name, str) or not is_name(name):
        raise InputError(f"the name of a recording must be letters, digits, '_', '.' and '-' (got {name!r:.60})")
    return Recorder(optimizer, choose(model, optimizer, components), type(model).__name__, runs_root() / name)
