"""Interventions on optimizers that see whole tensors: one mechanism switched off, from the outside, with copies of a run.

- `Memoryless`: ū_k + s (u(h̄_k, g) − ū_k), with h̄_k the state of a run whose gradients have all been 0 and ū_k = u(h̄_k, 0): only the gradient of
  the moment counts, but its answer comes at once: s = Σ K / K(0), of the memory kernel.
- `Unsaturated`: u(h, 0) + (u(h, εg) − u(h, 0)) / ε in place of u(h, g): the whole gradient's answer is that of a small one. The state evolves as before.
- `Undecayed`: u + w x, with w the measured weight decay: what a parameter loses at every step is given back.

They are those of `core.analysis.interventions`, as far as these can be made without stepping a component alone; on an optimizer that is both
they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

from core.analysis.interventions import LARGEST_FACTOR
from core.late import torch
from core.optimizers.tensorwise import ProblemRun, TensorwiseOptimizer

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1e-2  # ε


class Intervention(ProblemRun):
    """A run of an optimizer that is stepped in another way.

    Args:
        run: of the optimizer itself.
    """

    def __init__(self, run: ProblemRun):
        self.run = run

    def entries(self) -> Mapping[str, list[Tensor | None]]:
        return self.run.entries()

    def kept(self) -> Sequence[Any]:
        return self.run.kept()


@final
class Memoryless(Intervention):
    """A run that remembers no gradient.

    Args:
        run: of the optimizer itself, at its start.
        gain: s, kept between 1/10 and 10.
    """

    def __init__(self, run: ProblemRun, gain: float):
        super().__init__(run)
        self.gain = min(max(gain, 1 / LARGEST_FACTOR), LARGEST_FACTOR)

    def step(
        self, gradients: list[Tensor], parameters: list[Tensor], loss: float, step: int, steps: int
    ) -> list[Tensor]:
        now = self.run.copied().step(gradients, parameters, loss, step, steps)
        still = self.run.step([torch.zeros_like(g) for g in gradients], parameters, loss, step, steps)
        return [rest + self.gain * (answer - rest) for answer, rest in zip(now, still, strict=True)]


@final
class Unsaturated(Intervention):
    """A run whose answer to a gradient is that of a small one, made larger."""

    def step(
        self, gradients: list[Tensor], parameters: list[Tensor], loss: float, step: int, steps: int
    ) -> list[Tensor]:
        small, still = (
            self.run.copied().step([share * g for g in gradients], parameters, loss, step, steps)
            for share in (SMALL, 0.0)
        )
        self.run.step(gradients, parameters, loss, step, steps)
        return [rest + (answer - rest) / SMALL for answer, rest in zip(small, still, strict=True)]


@final
class Undecayed(Intervention):
    """A run whose parameters are given back what they lose at every step.

    Args:
        run: of the optimizer itself.
        decay: w.
    """

    def __init__(self, run: ProblemRun, decay: float):
        super().__init__(run)
        self.decay = decay

    def step(
        self, gradients: list[Tensor], parameters: list[Tensor], loss: float, step: int, steps: int
    ) -> list[Tensor]:
        updates = self.run.step(gradients, parameters, loss, step, steps)
        return [update + self.decay * x for update, x in zip(updates, parameters, strict=True)]


@final
class Intervened(TensorwiseOptimizer):
    """An optimizer that sees whole tensors, whose runs are stepped in another way.

    Args:
        optimizer: the original one.
        suffix: of its name.
        change: a run -> the run in its place.
    """

    def __init__(self, optimizer: TensorwiseOptimizer, suffix: str, change: Callable[[ProblemRun], ProblemRun]):
        self.optimizer, self.suffix, self.change = optimizer, suffix, change

    @property
    def name(self) -> str:
        return f"{self.optimizer.name}, {self.suffix}"

    def begin(self, parameters: list[Tensor], problem: int) -> ProblemRun:
        return self.change(self.optimizer.begin(parameters, problem))
