"""The shared inputs of the mechanisms' measurements: the optimizer in double precision, and what it observes on its task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from core.analysis.autonomous import autonomous_trajectory
from core.analysis.closed_loop import Rest, rest_of_loop
from core.analysis.continuation import Branch, continue_fixed_points
from core.analysis.fixed_points import FixedPoints, find_fixed_points
from core.analysis.general import Met, answers_along, kernel_along, meet, rates_after, share_of_others
from core.analysis.jacobians import moving_entries
from core.analysis.linearization import Linearization, linearize
from core.analysis.memory_kernel import MemoryKernel, effective_memory, memory_kernel, running_kernel
from core.analysis.whole_loop import loop_along
from core.errors import InputError
from core.late import torch
from core.optimizers.base import Optimizer
from core.optimizers.precision import double
from core.seeds import Purpose, generator
from core.tasks.base import Problems, Task, is_large
from core.unroll import unroll

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 200
HELD_AT = STEPS // 2  # the inner step at which step counters are held where a state rests: a typical one
ROWS = 80  # observed components: 16 problems of 5 parameters, or some of one large problem
LARGE_STEPS = 40  # and one problem represent a task of large problems
SAMPLED, LARGE_SAMPLED = (
    32,
    8,
)  # held-out problems that adaptation in use is measured on: of small tasks, and of large ones
FREE = 1000  # free steps before the search for fixed points: some optimizers drift for hundreds


@dataclass(frozen=True)
class Observed:
    """Gradients and states that an optimizer observes on problems of its task.

    Attributes:
        gradients: of every step and component, finite ones only, float64 [m].
        nonfinite: number of gradients that were not finite.
        states: of some components over the run, float64 [K + 1, rows, S].
        scale: median size of the gradients that are not 0.
        largest: size of the largest gradient.
        typical: size that 98 % of the gradients stay below.
    """

    gradients: Tensor
    nonfinite: int
    states: Tensor
    scale: float
    largest: float
    typical: float


@dataclass(frozen=True)
class Sample:
    """An optimizer on held-out problems: before each step, the state and the gradient of every component.

    Attributes:
        states: float64 [K, problems, components, S].
        gradients: float64 [K, problems, components].
    """

    states: Tensor
    gradients: Tensor


MET_AT = 0.2, 0.6  # of a run: where it is gone back to, for optimizers that see whole tensors
MET_OFTEN = 0.0, 0.05, 0.1, 0.3, 0.45, 0.75, 0.95  # further places, for what is followed along the run
LARGE_OFTEN = 0.0, 0.4, 0.95  # the same on large tasks
SHARES = 0.0, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0  # of a run: where its rate without gradients is looked at
LARGE_SHARES = 0.0, 0.05, 0.25, 1.0
COMPONENTS_MET, LARGE_COMPONENTS_MET = 3, 2
KERNEL_MET, LARGE_KERNEL_MET = 12, 6  # steps of their memory kernels
NEEDS_ALONE = "it sees whole tensors, and this needs a component that can be stepped alone"
SAME_MEMORY = 0.01  # relative difference of memories up to which they count as one
COARSE = 1e-5  # relative error of updates from which on it is said that slopes are of another precision
NO_SLOPE = "its update jumps as its state changes, so that it has no slope there"
NOT_OF_COUNTERS = frozenset(
    {"double", "observed", "sample", "path", "start", "probe", "visited", "dimension", "large", "moving", "counting"}
)  # what a context has measured that does not depend on where counters are held
BESIDE = 1e-4  # of how far the states met lie from h*


@dataclass(frozen=True)
class Context:
    """One optimizer on one task, with cached measurements.

    Args:
        optimizer: any optimizer.
        task: the task of its gradients.
        seed: of the problems.
        step: from 0 to 200, the inner step at which an optimizer that counts steps is held where fixed points, modes, saturation, the S-curve and the closed
            loop are measured; by default the middle of a run. Where nothing counts it says nothing.

    Raises:
        InputError: the step is not between 0 and 200.
    """

    optimizer: Optimizer
    task: Task
    seed: int = 0
    step: int = HELD_AT

    def __post_init__(self) -> None:
        if not 0 <= self.step <= STEPS:
            raise InputError(f"step must be from 0 to {STEPS} (got {self.step})")

    @property
    def sees_tensors(self) -> bool:
        """Whether the optimizer sees whole tensors, so that no component can be looked at alone."""
        return self.optimizer.together is not None

    @property
    def about_precision(self) -> str:
        """A sentence where slopes are those of another precision than the optimizer's own; "" elsewhere."""
        coarse = self.optimizer.coarse
        if coarse is None or coarse < COARSE:
            return ""
        return f"Slopes are those of its arithmetic in double precision: its own is coarser, and its updates are up to {100 * coarse:.1g} % off."

    @cached_property
    def double(self) -> Optimizer:
        """The optimizer in float64.

        Raises:
            InputError: it sees whole tensors: whoever asks wants to step components alone.
        """
        if self.sees_tensors:
            raise InputError(f"{self.optimizer.name}: {NEEDS_ALONE}")
        return double(self.optimizer)

    @cached_property
    def problem_met(self) -> Problems:
        """The problem of that run, a batch of one in float64."""
        return self.task.sample(1, generator(Purpose.VIEW, self.seed), torch.float64)

    @cached_property
    def met(self) -> Met:
        """A run of one problem that can be gone back to, for optimizers that see whole tensors."""
        steps = LARGE_STEPS if self.large else STEPS
        return meet(
            self.optimizer,
            self.problem_met,
            steps,
            self._steps(sorted({*MET_AT, *(LARGE_OFTEN if self.large else MET_OFTEN)})),
        )

    @cached_property
    def met_at(self) -> list[int]:
        """The two steps of that run at which it is looked at closely."""
        return self._steps(MET_AT)

    def _steps(self, shares: Sequence[float]) -> list[int]:
        return [int(share * (LARGE_STEPS if self.large else STEPS)) for share in shares]

    @cached_property
    def loops_met(self) -> list[Tensor]:
        """Eigenvalues of optimizer and problem as one linear system at these two steps, complex [N] each.

        Raises:
            InputError: they have too many numbers together, or no slopes there.
        """
        return [loop_along(self.met, self.problem_met, k) for k in self.met_at]

    @cached_property
    def places_met(self) -> list[int]:
        """Components that are looked at along that run."""
        watched = self.problem_met.watched_components()
        count = LARGE_COMPONENTS_MET if self.large else COMPONENTS_MET
        return watched[:: max(1, len(watched) // count)][:count]

    @cached_property
    def kernels_met(self) -> list[Tensor]:
        """Memory kernels along that run, one for every component and place, [J + 1] each."""
        steps = LARGE_KERNEL_MET if self.large else KERNEL_MET
        return [kernel_along(self.met, k, i, steps) for k in self.met_at for i in self.places_met]

    @cached_property
    def rates_at_rest(self) -> Tensor:
        """Effective learning rates of these components after some steps on gradients of 0, [steps, components]; the last after all."""
        steps = LARGE_STEPS if self.large else STEPS
        counts = sorted({round(share * (steps - 1)) for share in (LARGE_SHARES if self.large else SHARES)})
        return rates_after(self.met, torch.zeros_like(self.met.x[0]), counts, self.places_met)

    @cached_property
    def rates_at_typical(self) -> Tensor:
        """The same after as many steps on a constant gradient of the typical size, with the signs of the first one, [components]."""
        signs = torch.where(self.met.gradients[0] < 0, -1.0, 1.0).to(self.met.gradients.dtype)
        return rates_after(self.met, self.observed.typical * signs, [self.met.steps - 1], self.places_met)[0]

    @cached_property
    def answers_met(self) -> list[list[Tensor]]:
        """What every component's update answers to the gradient of one, [parameters], for the two places and the components looked at."""
        return [[answers_along(self.met, k, i) for i in self.places_met] for k in self.met_at]

    @cached_property
    def coupling(self) -> float | None:
        """How much of the answer to a component's gradient is found in other components' updates: 0 if they are independent."""
        if not self.sees_tensors:
            return 0.0
        found = [
            share_of_others(slopes, i) for at in self.answers_met for i, slopes in zip(self.places_met, at, strict=True)
        ]
        known = [value for value in found if np.isfinite(value)]
        return float(np.median(known)) if 2 * len(known) > len(found) else None

    @cached_property
    def dimension(self) -> int:
        """How many inner parameters the task's problems have."""
        return self.task.sample(1, generator(Purpose.VIEW, self.seed)).dimension

    @cached_property
    def large(self) -> bool:
        """Whether the task's problems have so many parameters that few problems must represent it."""
        return is_large(self.task)

    @cached_property
    def moving(self) -> list[int]:
        """Entries of the state that are not a clock."""
        return moving_entries(self.double)

    @cached_property
    def counting(self) -> list[int]:
        """Entries of the state that count steps: clocks, and the step that is read."""
        return [*self.double.clocks, *[i for what, i in self.double.reads.items() if what == "step"]]

    @property
    def counts_to(self) -> int | None:
        """The inner step at which its counters are held (`Context.step`); None where nothing counts."""
        return self.step if self.counting else None

    def with_counters(self, states: Tensor) -> Tensor:
        """States [..., S] with their counters as they are before inner step `Context.step`."""
        if not self.counting:
            return states
        states = states.clone()
        states[..., self.counting] = self.path[self.step][self.counting]
        return states

    @cached_property
    def along_counters(self) -> dict[int, Context]:
        """The same optimizer with its counters held at the first step, at `Context.step` and at the last one; empty where nothing counts."""
        return {k: self._held_at(k) for k in sorted({0, self.step, STEPS - 1})} if self.counting else {}

    def _held_at(self, step: int) -> Context:
        """The same with counters held at another step, its fixed point followed there from h*."""
        if step == self.step:
            return self
        made = replace(self, step=step)
        vars(made).update({name: value for name, value in vars(self).items() if name in NOT_OF_COUNTERS})
        if self.fixed_point is not None:
            found = find_fixed_points(self.double, made.with_counters(self.fixed_point)[None], free=0)
            if len(found.states) and bool(found.converged[0]):
                vars(made)["fixed_points"] = found
        return made

    @cached_property
    def start(self) -> Tensor:
        """h₀, [S], float64."""
        return self.double.initial_state(1, torch.float64)[0]

    @cached_property
    def probe(self) -> Tensor:
        """State and update after one step from h₀ at g = 0, [S + 1]."""
        with torch.no_grad():
            following, update = self.double.step(self.start[None], torch.zeros(1, dtype=torch.float64))
        return torch.cat([following[0], update])

    @cached_property
    def observed(self) -> Observed:
        """The observations on the problems reserved for display."""
        source = generator(Purpose.VIEW, self.seed)
        problems = self.task.sample(1 if self.large else max(1, ROWS // self.dimension), source)
        chosen = problems.watched_components() if self.large else range(self.dimension)
        steps = LARGE_STEPS if self.large else STEPS
        found = unroll(self.optimizer, problems, steps, record=("gradients", "states"), components=list(chosen))
        assert found.gradients is not None and found.states is not None
        every = found.gradients.double().reshape(-1)
        finite = torch.isfinite(every)
        sizes = every[finite].abs()
        seen = sizes[sizes > 0].numpy()
        scale, typical = (float(np.quantile(seen, share)) for share in (0.5, 0.98)) if len(seen) else (1.0, 2.0)
        largest = max(float(seen.max()) if len(seen) else 0.0, 2 * scale)
        states = found.states.double().flatten(1, 2)
        return Observed(every[finite], int((~finite).sum()), states, scale, largest, max(typical, 2 * scale))

    @cached_property
    def visited(self) -> Tensor:
        """A sample of the observed states, finite ones only, [n, S]; the last state of the first component comes first."""
        states = self.observed.states
        rows = torch.cat([states[-1:, :1].flatten(0, 1), states[::10, ::4].flatten(0, 1)])
        return rows[torch.isfinite(rows).all(1)]

    @cached_property
    def fixed_points(self) -> FixedPoints:
        """Fixed points at g = 0 reached from h₀ and from observed states, step counters held at `Context.step`."""
        starts = self.with_counters(torch.cat([self.start[None], self.visited[:12]]))
        return find_fixed_points(self.double, starts, free=FREE)

    @cached_property
    def fixed_point(self) -> Tensor | None:
        """h*, [S]: the main fixed point (or slow point, if there is none); None without either."""
        return self.fixed_points.states[0] if len(self.fixed_points.states) else None

    @cached_property
    def jumps_with_state(self) -> bool:
        """Whether the update jumps as the state passes through h* (Lion's sign of its memory does), so that it has no slope there."""
        if self.double.smooth or not self.moving or self.fixed_point is None:
            return False
        still = torch.zeros(2, dtype=torch.float64)
        scale = float((self.visited - self.fixed_point).abs().median())
        sizes = []
        for width in (scale * BESIDE, scale * BESIDE / 1000):  # a jump stays as large, a slope does not
            shift = torch.zeros_like(self.fixed_point)
            shift[self.moving] = width
            with torch.no_grad():
                _, updates = self.double.step(torch.stack([self.fixed_point + shift, self.fixed_point - shift]), still)
            sizes.append(float((updates[0] - updates[1]).abs()))
        return sizes[1] > sizes[0] / 2 > 0

    @cached_property
    def linearized(self) -> Linearization:
        """The linear system at h*.

        Raises:
            InputError: there is no h*, or the derivatives there are not finite.
        """
        if self.fixed_point is None:
            raise InputError("no fixed point was found to linearise at")
        return linearize(self.double, self.fixed_point, width=self.observed.scale)

    @cached_property
    def sample(self) -> Sample:
        """The optimizer run on held-out problems."""
        source = generator(Purpose.EVALUATE, self.seed)
        problems = self.task.sample(LARGE_SAMPLED if self.large else SAMPLED, source)
        chosen = problems.watched_components() if self.large else range(self.dimension)
        steps = LARGE_STEPS if self.large else STEPS
        run = unroll(self.optimizer, problems, steps, record=("gradients", "states"), components=list(chosen))
        assert run.gradients is not None and run.states is not None
        gradients = run.gradients[:steps][
            ..., list(chosen)
        ]  # those of all components are recorded, states of the chosen only
        return Sample(run.states[:steps].double(), gradients.double())

    @cached_property
    def path(self) -> Tensor:
        """Where the state goes from h₀ while the gradient stays 0, [STEPS + 1, S]."""
        return autonomous_trajectory(self.double, STEPS)

    @cached_property
    def kernel(self) -> MemoryKernel:
        """The memory kernel at h*, or in the only state of an optimizer without memory.

        Raises:
            InputError: there is no h*, the update jumps with the state, or the derivatives there are not finite.
        """
        if self.jumps_with_state:
            raise InputError(NO_SLOPE)
        if self.moving or self.fixed_point is not None:
            return memory_kernel(self.linearized)
        return memory_kernel(linearize(self.double, self.with_counters(self.start), width=self.observed.scale))

    @cached_property
    def memory_counting(self) -> float | None:
        """For how many of the further steps a gradient of step `Context.step` acts while the counters go on, Σ K(j) / max |K(j)|.

        None where it is as long as with the counters held (or nothing counts steps), or cannot be told.
        """
        if not self.counting or not self.moving or self.fixed_point is None or self.jumps_with_state:
            return None
        rest = max(1, STEPS - self.step)
        going_on = effective_memory(running_kernel(self.double, self.fixed_point, rest))
        try:
            held = effective_memory(self.kernel.values[: rest + 1])
        except InputError:
            return None
        same = going_on is None or (held is not None and abs(going_on - held) <= SAME_MEMORY * abs(held))
        return None if same else going_on

    @cached_property
    def loop_rest(self) -> Rest | None:
        """Where the optimizer and a quadratic come to rest together, searched from h*; None where there is no h* or a jump."""
        if not self.double.smooth:
            return None
        state = self.fixed_point if self.moving else self.with_counters(self.start)
        return None if state is None else rest_of_loop(self.double, state)

    @cached_property
    def branches(self) -> list[Branch]:
        """The curve h*(g) through the fixed point at g = 0; two arms from either side of 0 if the optimizer jumps there.

        Raises:
            InputError: it cannot be followed, or the update jumps with the state.
        """
        if self.jumps_with_state:
            raise InputError(NO_SLOPE)
        reach = self.observed.largest
        if self.double.smooth:
            if self.fixed_point is None or not bool(self.fixed_points.converged[0]):
                return []
            return [continue_fixed_points(self.double, self.fixed_point, 0.0, -reach, reach, scale=self.observed.scale)]
        found = []
        for sign in (-1.0, 1.0):
            at = sign * self.observed.scale
            points = find_fixed_points(self.double, self.with_counters(self.visited[:4]), at)
            if len(points.states) and bool(points.converged[0]):
                low, high = (-reach, 0.0) if sign < 0 else (0.0, reach)
                found.append(
                    continue_fixed_points(self.double, points.states[0], at, low, high, scale=self.observed.scale)
                )
        return found


def grid(context: Context, count: int, reach: float | None = None) -> Tensor:
    """Gradients of both signs, evenly spaced in asinh(g / scale), float64 [count]; odd counts include 0."""
    observed = context.observed
    end = float(np.arcsinh((reach or observed.largest) / observed.scale))
    right = torch.linspace(0, end, count // 2 + 1, dtype=torch.float64) if count % 2 else None
    places = (
        torch.linspace(-end, end, count, dtype=torch.float64)
        if right is None
        else torch.cat([-right.flip(0)[:-1], right])
    )
    return observed.scale * torch.sinh(places)
