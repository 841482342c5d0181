"""The interface of estimators of the outer gradient: called once for each outer step, and they may keep unrolls between steps.

A batch is divided into groups of problems. If windows are shorter than the unroll, each group's unroll continues from outer step to
outer step until it is K inner steps long, and new problems replace it. Groups start at different times, so that each
batch mixes early and late unrolls (Wu et al. 2018; Vicol et al. 2021).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from core.errors import InputError
from core.outer.distributed import Team
from core.outer.gradient import OuterGradient, Window, Workers
from core.runs.config import RunConfig, window_length
from core.seeds import Purpose, generator
from core.tasks.base import Problems
from core.tasks.bound import above_bound, loss_bound


@dataclass
class Group:
    """Problems that are unrolled together.

    Attributes:
        start, stop: their range in the batch.
        born: outer step in which the problems were drawn.
        age: inner steps done.
        limit: inner steps after which new problems replace them.
        windows: the states of the unrolls: one for back-propagation, two (+, −) for evolution strategies; empty at age 0.
        memory: other tensors of the estimator, by name.
    """

    start: int
    stop: int
    born: int
    age: int
    limit: int
    windows: list[Window]
    memory: dict[str, Tensor]

    @property
    def size(self) -> int:
        """Number of problems."""
        return self.stop - self.start


class Estimator(ABC):
    """Estimates the gradient of the meta-loss with respect to θ in each outer step.

    Args:
        config: of the run.
        workers: threads.
        team: processes that share the groups.
        spans: (start, stop) of each group in the batch.
        staggered: whether groups start at different times.
    """

    def __init__(self, config: RunConfig, workers: Workers, team: Team, spans: list[tuple[int, int]], staggered: bool):
        self.config, self.workers, self.team = config, workers, team
        self.task = config.training_task()
        self.groups = []
        for i, (start, stop) in enumerate(spans):
            limit = config.unroll - (i * config.unroll // len(spans) if staggered else 0)
            self.groups.append(Group(start, stop, 0, 0, limit, [], {}))
        self._drawn: tuple[int, Problems] | None = None

    @abstractmethod
    def estimate(self, theta: Mapping[str, Tensor], outer_step: int) -> OuterGradient:
        """The meta-losses of this outer step's windows [problems] and the estimated gradient of the mean objective.

        Groups go on only after all of them were computed: if the workers' check ends it, the same call can be made again.

        Args:
            theta: meta-parameters by name, float32.
            outer_step: number of outer steps done before.
        """

    @abstractmethod
    def bytes(self) -> int:
        """Memory of the concurrent states and tapes."""

    @final
    def own(self, outer_step: int) -> list[int]:
        """The groups of this process; groups that start an unroll get the current outer step."""
        indices = [*self.team.share(len(self.groups))]
        for i in indices:
            if self.groups[i].age == 0:
                self.groups[i].born = outer_step
        return indices

    @final
    def problems_of(self, group: Group) -> Problems:
        """The problems of a group, drawn from the seed and the outer step of its start."""
        if self._drawn is None or self._drawn[0] != group.born:
            source = generator(Purpose.TRAIN, self.config.seed, group.born)
            drawn = self.task.sample(self.config.problems, source)
            self._drawn = group.born, above_bound(drawn, loss_bound(self.task))
        return self._drawn[1].part(group.start, group.stop)

    @final
    def steps_of(self, group: Group, outer_step: int) -> int:
        """Inner steps of a group's next window."""
        return min(window_length(self.config, outer_step), group.limit - group.age)

    @final
    def advance(self, group: Group, steps: int, windows: list[Window], losses: list[Tensor]) -> None:
        """Record a finished window with these meta-losses [problems].

        New problems replace the group at the end of the unroll, or if anything in it is no longer finite.
        """
        group.age += steps
        group.windows = windows
        tensors = [*losses, *(part for w in windows for part in (w.x, torch.from_numpy(w.state)))]
        sound = all(bool(torch.isfinite(part).all()) for part in tensors)
        if group.age >= group.limit or not sound:
            group.age, group.limit = 0, self.config.unroll
            group.windows, group.memory = [], {}

    @final
    def state(self) -> dict[str, Tensor]:
        """Everything needed to resume bit for bit, by name; the same on every process. Empty for whole unrolls."""
        tensors: dict[str, Tensor] = {}
        if window_length(self.config, 0) >= self.config.unroll:
            return tensors
        own = set(self.team.share(len(self.groups)))
        clocks = torch.zeros(len(self.groups), 3, dtype=torch.float64)
        for i in own:
            group = self.groups[i]
            clocks[i] = torch.tensor([group.born, group.age, group.limit])
        clocks = self.team.all_reduce({"clocks": clocks})["clocks"]
        tensors["clocks"] = clocks
        for i, group in enumerate(self.groups):
            if clocks[i, 1] == 0:
                continue
            parts = self._blank(group)
            if i in own:
                for sign, window in enumerate(group.windows):
                    assert window.start_losses is not None
                    parts[f"x{sign}"] = window.x
                    parts[f"state{sign}"] = torch.from_numpy(window.state)
                    parts[f"start_losses{sign}"] = window.start_losses
                parts |= group.memory
            tensors |= {f"group{i}.{name}": part.float() for name, part in self.team.all_reduce(parts).items()}
        return tensors

    def _blank(self, group: Group) -> dict[str, Tensor]:
        """Zeros with the shapes of an unfinished group's tensors."""
        parameters = self.problems_of(group).dimension
        architecture = self.config.architecture
        vectors = architecture.shapes()["initial_state"][0] // architecture.units
        shapes = {
            "x": (group.size, parameters),
            "state": (vectors, group.size * parameters, architecture.units),
            "start_losses": (group.size,),
        }
        blank = {f"{n}{sign}": torch.zeros(s) for sign in range(self.unrolls) for n, s in shapes.items()}
        return blank | self.blank_memory()

    @property
    @abstractmethod
    def unrolls(self) -> int:
        """Number of unrolls in a group."""

    @abstractmethod
    def blank_memory(self) -> dict[str, Tensor]:
        """Zeros with the shapes of a group's other tensors."""

    @final
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Resume from the tensors of `state`.

        Raises:
            InputError: the tensors do not match this estimator.
        """
        if window_length(self.config, 0) >= self.config.unroll and not tensors:
            return
        clocks = tensors.get("clocks")
        if clocks is None or clocks.shape != (len(self.groups), 3):
            raise InputError("the training state is damaged or from another run: its unfinished unrolls are missing")
        expected = {"clocks"}
        for i, group in enumerate(self.groups):
            group.born, group.age, group.limit = (int(value) for value in clocks[i])
            if not (0 <= group.age < group.limit <= self.config.unroll and 0 <= group.born <= self.config.outer_steps):
                raise InputError(
                    "the training state is damaged or from another run: its unfinished unrolls have no age"
                )
            if group.age == 0:
                continue
            blank = self._blank(group)
            stored = {name: tensors.get(f"group{i}.{name}") for name in blank}
            expected |= {f"group{i}.{name}" for name in blank}
            if any(part is None or part.shape != blank[name].shape for name, part in stored.items()):
                raise InputError(
                    "the training state is damaged or from another run: its unfinished unrolls do not match"
                )
            kept = {name: part for name, part in stored.items() if part is not None}
            group.windows = [
                Window(kept[f"x{sign}"], kept[f"state{sign}"].numpy().copy(), kept[f"start_losses{sign}"])
                for sign in range(self.unrolls)
            ]
            group.memory = {name: kept[name] for name in self.blank_memory()}
        if set(tensors) != expected:
            raise InputError("the training state is damaged or from another run: it contains unknown unrolls")

    @final
    def gather(self, losses: dict[int, Tensor], sums: Mapping[str, Tensor], divisor: float) -> OuterGradient:
        """Meta-losses and sums of the whole team, from those of this process's groups."""
        everywhere = torch.zeros(self.config.problems, dtype=torch.float64)
        for i, values in losses.items():
            everywhere[self.groups[i].start : self.groups[i].stop] = values.double()
        total = self.team.all_reduce({"": everywhere, **sums})
        meta_losses = total.pop("").float()
        return OuterGradient(meta_losses, {name: (value / divisor).float() for name, value in total.items()})
