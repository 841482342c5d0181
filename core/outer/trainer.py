"""The outer training loop: Adam on θ along the outer gradient, with regular saves and bit-for-bit resuming.

The problems of outer step t depend only on (seed, t), so a run that was stopped and resumed gets the same problems as an uninterrupted
one. On one machine's CPU it reaches the same θ bit for bit, with any number of threads; a team of processes reaches the same θ up to
rounding.

A run can be left between two blocks of inner steps, too (`Workers.check` raises LeaveError): the unfinished outer step is thrown away, but
for the time that it took, and the run is saved as after the one before.
"""

import errno
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import InputError
from core.interruption import LeaveError
from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.bias import bias_penalty, first_gradients
from core.outer.distributed import Team
from core.outer.estimators import Estimator, make_estimator
from core.outer.gradient import Workers
from core.runs.config import RunConfig, snapshot_steps
from core.runs.run import OuterStep, Run, Status
from core.runs.states import State
from core.seeds import Purpose, generator

ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")  # the state of torch.optim.Adam for a parameter
SAVE_EVERY = 5.0  # seconds between two saves of the training state
LONG_STEP = 1.0  # seconds of an outer step after which it is saved at once, since it could be stopped in the middle of the next one
WRITE_EVERY = 0.4  # seconds between two writes of the outer training curve
SKIPS_IN_A_ROW = 50  # outer steps in a row without a finite gradient after which training fails
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Hooks:
    """Callbacks during training; by default they do nothing.

    Attributes:
        begins: called before every outer step.
        theta: called after every outer step with that step and θ, which must not be changed.
        written: called with the last outer step of the curve on disk.
        kept: called with the outer step of a new snapshot.
        left_as: returns the final state and message of a run that `on_step` stops, or the workers' check.
        leaving: called with the final status before it is written, after everything else is on disk.
        writing: held while the training state and the status are written.
    """

    begins: Callable[[], None] = lambda: None
    theta: Callable[[OuterStep, Mapping[str, Tensor]], None] = lambda step, theta: None
    written: Callable[[int], None] = lambda outer_step: None
    kept: Callable[[int], None] = lambda outer_step: None
    left_as: Callable[[], tuple[State, str]] = lambda: ("stopped", "")
    leaving: Callable[[Status], None] = lambda status: None
    writing: Callable[[], AbstractContextManager[Any]] = nullcontext


class _Trainer:
    """θ, its Adam state and the curve so far; private to `train`."""

    def __init__(self, run: Run, estimator: Estimator, hooks: Hooks):
        self.run = run
        self.hooks = hooks
        self.config = run.config
        self.estimator = estimator
        given = run.start()
        source = generator(Purpose.INITIALIZE, self.config.seed)
        start = self.config.architecture.initial_theta(source) if given is None else given.theta
        self.theta = {name: torch.nn.Parameter(tensor) for name, tensor in start.items()}
        self.adam = torch.optim.Adam(self.theta.values(), lr=self.config.learning_rate)
        self.done = 0
        self.seconds = 0.0
        self.curve: list[OuterStep] = []
        self.on_disk: int | None = None  # outer steps of the curve on disk; None before the first write
        self.skips = 0  # skipped outer steps in a row

    def step(self) -> OuterStep:
        """One outer step.

        Raises:
            LeaveError: it was left in the middle, and nothing has changed but the time.
        """
        self.hooks.begins()
        config, began = self.config, time.perf_counter()
        try:
            outer = self.estimator.estimate(self.theta, self.done)
        except LeaveError:
            self.seconds += time.perf_counter() - began
            raise
        gradients = self.penalized(outer.gradients)
        norm = torch.linalg.vector_norm(torch.cat([g.reshape(-1) for g in gradients.values()]))
        finite = bool(torch.isfinite(norm))
        rate = config.learning_rate
        if config.learning_rate_halving is not None:
            rate *= 0.5 ** (self.done / config.learning_rate_halving)
        if finite:
            scale = 1.0 if config.gradient_clip is None else min(1.0, config.gradient_clip / max(norm.item(), 1e-30))
            for name, parameter in self.theta.items():
                parameter.grad = gradients[name] * scale
            self.adam.param_groups[0]["lr"] = rate
            self.adam.step()
        self.skips = 0 if finite else self.skips + 1
        self.done += 1
        self.seconds += time.perf_counter() - began
        self.curve.append(
            OuterStep(
                outer_step=self.done,
                meta_loss=outer.meta_losses.mean().item(),
                gradient_norm=norm.item(),
                learning_rate=rate,
                diverged_problems=int((~torch.isfinite(outer.meta_losses)).sum()),
                skipped=int(not finite),
                seconds=round(self.seconds, 3),
            )
        )
        return self.curve[-1]

    def penalized(self, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        """The outer gradient and that of the penalty on bias, if there is one."""
        factor = self.config.bias_penalty
        if factor is None:
            return gradients
        optimizer = RecurrentOptimizer(self.config.architecture, self.theta)
        _, more = bias_penalty(optimizer, self.config.unroll, self.first_gradients)
        return {name: gradient + factor * more[name] for name, gradient in gradients.items()}

    @cached_property
    def first_gradients(self) -> float:
        return first_gradients(self.estimator.task)

    def status(self, state: State, message: str = "") -> Status:
        return Status(
            state=state,
            message=message,
            outer_step=self.done,
            outer_steps=self.config.outer_steps,
            diverged_problems=sum(step.diverged_problems for step in self.curve),
            skipped_steps=sum(step.skipped for step in self.curve),
            seconds=round(self.seconds, 3),
        )

    def snapshot(self) -> None:
        if not self.estimator.team.is_main:
            return
        self.run.write_snapshot(self.done, {name: p.detach() for name, p in self.theta.items()})
        self.hooks.kept(self.done)

    def write_curve(self, *, sync: bool = False) -> None:
        """Write the new part of the curve; the first time all of it, which removes what a killed run wrote after its last save."""
        if not self.estimator.team.is_main:
            return
        if self.on_disk is None:
            self.run.write_outer_losses(self.curve)
        else:
            self.run.append_outer_losses(self.curve[self.on_disk :], sync=sync)
        self.on_disk = self.done
        self.hooks.written(self.done)

    def save(self, state: State, message: str = "") -> None:
        tensors = {f"unrolls.{name}": tensor for name, tensor in self.estimator.state().items()}
        if not self.estimator.team.is_main:
            return
        for name, parameter in self.theta.items():
            tensors[f"theta.{name}"] = parameter.detach()
            for key, value in self.adam.state[parameter].items():
                tensors[f"adam.{key}.{name}"] = value
        with self.hooks.writing():
            self.write_curve(sync=True)  # before the state, since `load` truncates a curve that is ahead of it
            self.run.write_training_state(tensors, {"outer_step": str(self.done), "seconds": repr(self.seconds)})
            status = self.status(state, message)
            if state != "running":
                self.hooks.leaving(status)
            self.run.write_status(status)

    def say_full(self, error: OSError) -> None:
        """Write that the disk is full, into the reserved space."""
        self.run.release()
        message = f"the disk is full ({error.strerror}): free some space, then resume the run"
        status = self.status("failed", message)
        for write in (self.hooks.leaving, self.run.write_status):
            with suppress(OSError):  # even the reserved space was missing
                write(status)

    def load(self) -> None:
        path = self.run.path / "training_state.safetensors"
        if not path.exists():
            return  # stopped before the first save: starting again gives the same result
        tensors, counters = self.run.training_state()
        try:
            self.done, self.seconds = int(counters["outer_step"]), float(counters["seconds"])
        except (KeyError, ValueError):
            raise InputError(
                f"{path} is damaged or from another run: its outer step or its seconds are missing"
            ) from None
        if not 0 <= self.done <= self.config.outer_steps:
            raise InputError(
                f"{path} is damaged or from another run: outer step {self.done} of {self.config.outer_steps}"
            )
        self.curve = self.run.outer_losses()[: self.done]
        if len(self.curve) < self.done:
            raise InputError(f"{self.run.path / 'outer_loss.csv'} ends before outer step {self.done}")
        started = any(not step.skipped for step in self.curve)
        unrolls = {name: tensors.pop(name) for name in list(tensors) if name.startswith("unrolls.")}
        if not self._fits(tensors, started):
            raise InputError(f"{path} is damaged or from another run: its tensors are not those of {self.run.name}")
        for name, parameter in self.theta.items():
            parameter.data.copy_(tensors[f"theta.{name}"])
            if started:
                self.adam.state[parameter] = {key: tensors[f"adam.{key}.{name}"] for key in ADAM_STATE}
        try:
            self.estimator.load({name.removeprefix("unrolls."): tensor for name, tensor in unrolls.items()})
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def _fits(self, tensors: dict[str, Tensor], started: bool) -> bool:
        """Whether these are θ and (after the first step) Adam's state, with the right shapes."""
        shapes: dict[str, torch.Size] = {}
        for name, parameter in self.theta.items():
            shapes[f"theta.{name}"] = parameter.shape
            if started:
                shapes |= {
                    f"adam.{key}.{name}": shape
                    for key, shape in zip(ADAM_STATE, (torch.Size(), parameter.shape, parameter.shape), strict=True)
                }
        return {name: tensor.shape for name, tensor in tensors.items()} == shapes


def _memory() -> float:
    """Bytes of main memory; infinite if unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return math.inf


def train(
    path: Path,
    config: RunConfig,
    *,
    resume: bool = False,
    on_step: Callable[[OuterStep], bool] | None = None,
    workers: Workers | None = None,
    team: Team | None = None,
    hooks: Hooks = Hooks(),
    start: Mapping[str, Tensor] | None = None,
) -> Run:
    """Train a learned optimizer in a run's folder.

    Args:
        path: the folder; it must be empty or absent, unless resuming.
        config: the run's settings; when resuming, those of the run.
        resume: whether to resume from the last saved state.
        on_step: called after every outer step; returns False to stop there (the run can be resumed).
        workers: training threads; by default one for each core. If their check raises LeaveError, the run is left in the middle of an
            outer step, as `on_step` leaves it between two; only without a team.
        team: the processes that train together; by default only this one.
        hooks: callbacks during training.
        start: θ to start from, if the run is new and starts from a snapshot.

    Raises:
        InputError: the folder is unsuitable, or a file in it is damaged.
        OSError: a file could not be written; if the disk is full, the run's status says so.
    """
    team = team or Team()
    torch.set_num_threads(1)  # per operation; blocks of problems run in parallel instead
    workers = workers or Workers()
    estimator = make_estimator(config, workers, team)
    needed, there = estimator.bytes(), _memory()
    if needed > there:
        raise InputError(
            f"the concurrent unrolls need {needed / 2**30:.1f} GiB and this machine has {there / 2**30:.1f}: "
            "use fewer units, inner steps or threads"
        )
    if resume:
        run = Run(path)
        if run.config.provenance == "imported":
            raise InputError(f"{path} was imported and cannot be resumed: train a new run with --start {path.name}")
        if run.config != config:
            changed = [k for k in RunConfig.model_fields if getattr(run.config, k) != getattr(config, k)]
            raise InputError(
                f"{path} was trained with a different {' and '.join(changed)}: resume it with its own settings"
            )
    else:
        if team.is_main:
            Run.create(path, config, start)
        team.broadcast(True)  # the other processes open it only after it exists
        run = Run(path)
    trainer = _Trainer(run, estimator, hooks)
    if resume:
        trainer.load()
    try:
        _train(trainer, on_step)
    except OSError as error:
        if error.errno in FULL and team.is_main:
            trainer.say_full(error)
        raise
    return run


def _train(trainer: _Trainer, on_step: Callable[[OuterStep], bool] | None) -> None:
    """The training loop."""
    run, config, team = trainer.run, trainer.config, trainer.estimator.team
    keep = set(snapshot_steps(config.outer_steps, config.snapshots))
    if team.is_main:
        run.reserve()
        run.write_status(trainer.status("running"))
    trainer.write_curve()
    if trainer.done == 0:
        trainer.snapshot()
    state: State = "finished"
    message = ""
    saved = wrote = time.monotonic()
    while trainer.done < config.outer_steps:
        began = time.monotonic()
        try:
            step = trainer.step()
            if trainer.done in keep:
                trainer.snapshot()
            trainer.hooks.theta(step, trainer.theta)
        except LeaveError:
            if trainer.done < config.outer_steps:
                state, message = trainer.hooks.left_as()
            break
        now = time.monotonic()
        if team.broadcast(now - saved > SAVE_EVERY or now - began > LONG_STEP):
            trainer.save("running")
            saved = wrote = time.monotonic()
        elif time.monotonic() - wrote > WRITE_EVERY or trainer.on_disk == 0:
            trainer.write_curve()
            wrote = time.monotonic()
        if on_step is not None and not team.broadcast(on_step(step)):
            if trainer.done < config.outer_steps:
                state, message = trainer.hooks.left_as()
            break
        if trainer.skips >= SKIPS_IN_A_ROW:
            state = "failed"
            message = f"the outer gradient was not finite in {trainer.skips} outer steps in a row; θ is from the last finite one"
            break
    trainer.save(state, message)
    if team.is_main:
        run.release()
    team.barrier()  # no process leaves, or reads the run, before it is complete
