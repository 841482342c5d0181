"""The outer training loop: Adam on θ along the outer gradient, saved as it goes, resumed exactly.

The problems of outer step t depend only on (seed, t), so a run that was stopped and resumed sees what an uninterrupted one
sees, and on one machine's CPU ends in the same θ, bit for bit, with any number of threads. A team of processes ends in the same θ up to
rounding.
"""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from core.errors import InputError
from core.outer.config import RunConfig, snapshot_steps
from core.outer.estimators import Estimator, make_estimator
from core.outer.gradient import Workers
from core.outer.team import Team
from core.seeds import Purpose, generator
from core.store import OuterStep, Run, Status

ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")  # what torch.optim.Adam keeps for a parameter
SAVE_EVERY = 5.0  # seconds between two saves of the training state


class _Trainer:
    """θ, its Adam state and the curve so far; private to `train`."""

    def __init__(self, run: Run, estimator: Estimator):
        self.run = run
        self.config = run.config
        self.estimator = estimator
        start = self.config.architecture.initial_theta(generator(Purpose.INITIALIZE, self.config.seed))
        self.theta = {name: torch.nn.Parameter(tensor) for name, tensor in start.items()}
        self.adam = torch.optim.Adam(self.theta.values(), lr=self.config.learning_rate)
        self.done = 0
        self.seconds = 0.0
        self.curve: list[OuterStep] = []

    def step(self) -> OuterStep:
        """One outer step."""
        config, began = self.config, time.perf_counter()
        outer = self.estimator.estimate(self.theta, self.done)
        norm = torch.linalg.vector_norm(torch.cat([g.reshape(-1) for g in outer.gradients.values()]))
        finite = bool(torch.isfinite(norm))
        rate = config.learning_rate
        if config.learning_rate_halving is not None:
            rate *= 0.5 ** (self.done / config.learning_rate_halving)
        if finite:
            scale = 1.0 if config.gradient_clip is None else min(1.0, config.gradient_clip / max(norm.item(), 1e-30))
            for name, parameter in self.theta.items():
                parameter.grad = outer.gradients[name] * scale
            self.adam.param_groups[0]["lr"] = rate
            self.adam.step()
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

    def status(self, state: str) -> Status:
        return Status(
            state=state,  # type: ignore[arg-type]
            outer_step=self.done,
            outer_steps=self.config.outer_steps,
            diverged_problems=sum(step.diverged_problems for step in self.curve),
            skipped_steps=sum(step.skipped for step in self.curve),
            seconds=round(self.seconds, 3),
        )

    def snapshot(self) -> None:
        if not self.estimator.team.leads:
            return
        self.run.write_snapshot(self.done, {name: p.detach() for name, p in self.theta.items()})

    def save(self, state: str) -> None:
        tensors = {f"unrolls.{name}": tensor for name, tensor in self.estimator.state().items()}
        if not self.estimator.team.leads:
            return
        for name, parameter in self.theta.items():
            tensors[f"theta.{name}"] = parameter.detach()
            for key, value in self.adam.state[parameter].items():
                tensors[f"adam.{key}.{name}"] = value
        self.run.write_outer_losses(self.curve)  # before the state: `load` cuts a curve that is ahead of it
        self.run.write_training_state(tensors, {"outer_step": str(self.done), "seconds": repr(self.seconds)})
        self.run.write_status(self.status(state))

    def load(self) -> None:
        path = self.run.path / "training_state.safetensors"
        if not path.exists():
            return  # stopped before the first save: begin again, which comes to the same
        tensors, counters = self.run.training_state()
        try:
            self.done, self.seconds = int(counters["outer_step"]), float(counters["seconds"])
        except (KeyError, ValueError):
            raise InputError(
                f"{path} is damaged or of another run: it does not say its outer step and its seconds"
            ) from None
        if not 0 <= self.done <= self.config.outer_steps:
            raise InputError(
                f"{path} is damaged or of another run: outer step {self.done} of {self.config.outer_steps}"
            )
        self.curve = self.run.outer_losses()[: self.done]
        if len(self.curve) < self.done:
            raise InputError(f"{self.run.path / 'outer_loss.csv'} ends before outer step {self.done}")
        started = any(not step.skipped for step in self.curve)
        under_way = {name: tensors.pop(name) for name in list(tensors) if name.startswith("unrolls.")}
        if not self._fits(tensors, started):
            raise InputError(f"{path} is damaged or of another run: its tensors are not those of {self.run.name}")
        for name, parameter in self.theta.items():
            parameter.data.copy_(tensors[f"theta.{name}"])
            if started:
                self.adam.state[parameter] = {key: tensors[f"adam.{key}.{name}"] for key in ADAM_STATE}
        try:
            self.estimator.load({name.removeprefix("unrolls."): tensor for name, tensor in under_way.items()})
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def _fits(self, tensors: dict[str, Tensor], started: bool) -> bool:
        """Whether these are θ and, once a step was taken, Adam's state, in the right shapes."""
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
    """Bytes of main memory; infinite where the system does not say."""
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
) -> Run:
    """Train a learned optimizer into a run's folder.

    Args:
        path: the folder; it must be empty or absent, unless resuming.
        config: what to train. When resuming, it must equal the run's own.
        resume: go on from the last saved state.
        on_step: called after every outer step; return False to stop there (the run can be resumed).
        workers: threads to use; one for each core by default.
        team: processes that train together; this one alone by default.

    Raises:
        InputError: the folder is not fit, or a file in it is damaged.
    """
    team = team or Team()
    torch.set_num_threads(1)  # for each operation: blocks of problems run side by side instead
    workers = workers or Workers()
    estimator = make_estimator(config, workers, team)
    needed, there = estimator.bytes(), _memory()
    if needed > there:
        raise InputError(
            f"the unrolls at work need {needed / 2**30:.1f} GiB and this machine has {there / 2**30:.1f}: "
            "ask for fewer units, inner steps or threads"
        )
    if resume:
        run = Run(path)
        if run.config != config:
            changed = [k for k in RunConfig.model_fields if getattr(run.config, k) != getattr(config, k)]
            raise InputError(f"{path} was trained with another {' and '.join(changed)}: resume with the run's own")
    else:
        if team.leads:
            Run.create(path, config)
        team.agree(True)  # nobody opens it before it is there
        run = Run(path)
    trainer = _Trainer(run, estimator)
    if resume:
        trainer.load()
    keep = set(snapshot_steps(config.outer_steps, config.snapshots))
    if trainer.done == 0:
        trainer.snapshot()
    state, saved = "finished", time.monotonic()
    while trainer.done < config.outer_steps:
        step = trainer.step()
        if trainer.done in keep:
            trainer.snapshot()
        if team.agree(time.monotonic() - saved > SAVE_EVERY):
            trainer.save("running")
            saved = time.monotonic()
        if on_step is not None and not team.agree(on_step(step)):
            state = "stopped" if trainer.done < config.outer_steps else "finished"
            break
    trainer.save(state)
    team.agree(True)  # nobody leaves, or reads the record, before it is complete
    return run
