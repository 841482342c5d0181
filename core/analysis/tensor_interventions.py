"""Interventions on optimizers that see whole tensors: one mechanism switched off, from the outside, with copies of a run.

- `Memoryless`: ū_k + s (u(h̄_k, g) − ū_k), with h̄_k the state of a run whose gradients have all been 0 and ū_k = u(h̄_k, 0): only the gradient of
  the moment counts, but its answer comes at once: s = Σ K / K(0), of the memory kernel.
- `Unsaturated`: u(h, 0) + (u(h, εg) − u(h, 0)) / ε in place of u(h, g): the whole gradient's answer is that of a small one. The state evolves as before.
- `Undecayed`: u + w x, with w the measured weight decay: what a parameter loses at every step is given back.
- `Frozen`: what a step on gradients of 0 adds to the numbers of the state h̄ₛ and to the parameters is subtracted at every step, and what counts
  (counters, flags, the step that is read) stays that of h̄ₛ, where the run begins. So the schedule stays at step s.
- `Pinned`: every component's update times α_k / α_i, kept between 1/10 and 10, with α_i = −∂u_i/∂g_i at its own gradient 0 and α_k the typical one
  at step k: all components have the same learning rate.

They are those of `core.analysis.interventions`, as far as these can be made without stepping a component alone; on an optimizer that is both
they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

from core.analysis.interventions import LARGEST_FACTOR
from core.errors import InputError
from core.late import torch
from core.optimizers.tensorwise import ProblemRun, TensorwiseOptimizer, as_row, as_tensors

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1e-2  # ε
ALIKE = 0.1  # relative distance up to which a state is taken for one that starts from the parameters


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
class Frozen(Intervention):
    """A run without autonomous drift, whose schedule stays that of one step.

    The parameters count as 0 where drift is looked for, as they do where a component is stepped alone; but where they stay on gradients of 0, they
    are those at first, since a state may start from them.

    Args:
        run: of the optimizer itself, at its start.
        at: s, the step at which it is frozen; the one after it, where the state is made by the first step.
    """

    def __init__(self, run: ProblemRun, at: int):
        super().__init__(run)
        self.at = at
        self._place: ProblemRun | None = None
        self._numbers = self._drift = torch.zeros(0, dtype=torch.float64)
        self._still: list[Tensor] = []

    def step(
        self, gradients: list[Tensor], parameters: list[Tensor], loss: float, step: int, steps: int
    ) -> list[Tensor]:
        if self._place is None:
            self._place = self._freeze(parameters, steps)
        self.run = self._place.copied()
        self.run.set_numbers(self._numbers)
        updates = self.run.step(gradients, parameters, loss, self.at, steps)
        self._numbers = self.run.numbers() - self._drift
        return [update - still for update, still in zip(updates, self._still, strict=True)]

    def _freeze(self, parameters: list[Tensor], steps: int) -> ProblemRun:
        """h̄ₛ; and what a further step adds to its numbers and to the parameters.

        Raises:
            InputError: its drift cannot be told from what it makes of the parameters, or is not finite.
        """
        nothing = [torch.zeros_like(x) for x in parameters]

        def rest(run: ProblemRun, x: list[Tensor], k: int) -> list[Tensor]:
            return run.step([one.clone() for one in nothing], [one.clone() for one in x], 1.0, k, steps)

        first = self.run.copied()
        moves = any(bool(update.any()) for update in rest(first, parameters, 0))
        if moves and any(_alike(kept, parameters) for kept in first.entries().values()):
            raise InputError("its state starts from the parameters, which change on gradients of 0")
        x = nothing if moves else parameters
        place = self.run.copied()
        for k in range(self.at):
            rest(place, x, k)
        after = place.copied()
        self._still = rest(after, x, self.at)
        if len(after.numbers()) != len(place.numbers()):  # its first step makes its state
            place, self.at = after, self.at + 1
            after = place.copied()
            self._still = rest(after, x, self.at)
        self._numbers, following = place.numbers(), after.numbers()
        if len(following) != len(self._numbers):
            raise InputError("it keeps a different number of numbers at different steps")
        self._drift = following - self._numbers
        if not all(bool(torch.isfinite(one).all()) for one in (self._numbers, self._drift, *self._still)):
            raise InputError(f"its state is not finite after {self.at} steps on gradients of 0")
        return place


def _alike(kept: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> bool:
    """Whether what it keeps is close to the parameters."""
    return all(
        own is not None and bool(torch.allclose(own.reshape(x.shape).to(x.dtype), x, rtol=ALIKE))
        for own, x in zip(kept, parameters, strict=True)
    )


def _learning_rates(
    run: ProblemRun,
    gradients: list[Tensor],
    parameters: list[Tensor],
    loss: float,
    step: int,
    steps: int,
    *,
    width: float,
    coupled: bool,
) -> list[Tensor]:
    """−∂u_i/∂g_i of every component at its own gradient 0, as secants between ± a width; shaped as the parameters.

    Args:
        run: before the step; it is not changed.
        gradients: of the step.
        parameters: at the step.
        loss: there.
        step: k.
        steps: K.
        width: small against the gradients.
        coupled: whether each component must be asked by itself, all other gradients as met (2 steps a component); otherwise all at once.
    """
    shapes = [tuple(gradient.shape) for gradient in gradients]
    met = as_row(gradients)

    def answer(flat: Tensor) -> Tensor:
        own = [one.clone() for one in as_tensors(flat, shapes)]
        return as_row(run.for_slopes().step(own, [x.clone() for x in parameters], loss, step, steps))

    if not coupled:
        ends = [answer(torch.full_like(met, sign * width)) for sign in (1, -1)]
        return as_tensors((ends[1] - ends[0]) / (2 * width), shapes)
    found = torch.zeros_like(met)
    for i in range(len(met)):
        ups = []
        for sign in (1, -1):
            varied = met.clone()
            varied[i] = sign * width
            ups.append(answer(varied)[i])
        found[i] = (ups[1] - ups[0]) / (2 * width)
    return as_tensors(found, shapes)


@final
class Rated(Intervention):
    """A run as it is that notes the median learning rate of its components before every step.

    Args:
        run: of the optimizer itself.
        widths: as for `_learning_rates`, one for each step; the last one is used for all later steps.
        coupled: as for `_learning_rates`.
        noted: where its list of them, one a step, is added.
    """

    def __init__(self, run: ProblemRun, widths: Sequence[float], coupled: bool, noted: list[list[float]]):
        super().__init__(run)
        self.widths, self.coupled = widths, coupled
        self.rates: list[float] = []
        noted.append(self.rates)

    def step(
        self, gradients: list[Tensor], parameters: list[Tensor], loss: float, step: int, steps: int
    ) -> list[Tensor]:
        width = self.widths[min(step, len(self.widths) - 1)]
        rates = as_row(
            _learning_rates(self.run, gradients, parameters, loss, step, steps, width=width, coupled=self.coupled)
        )
        self.rates.append(float(rates.nanmedian()))
        return self.run.step(gradients, parameters, loss, step, steps)


@final
class Pinned(Intervention):
    """A run whose components have the same effective learning rate at a step.

    Args:
        run: of the optimizer itself.
        rates: α_k, [K]; the last one is used for all later steps.
        widths: [K], as for `Rated`.
        coupled: as for `_learning_rates`.
    """

    def __init__(self, run: ProblemRun, rates: Sequence[float], widths: Sequence[float], coupled: bool):
        super().__init__(run)
        self.rates, self.widths, self.coupled = rates, widths, coupled

    def step(
        self, gradients: list[Tensor], parameters: list[Tensor], loss: float, step: int, steps: int
    ) -> list[Tensor]:
        typical, width = (values[min(step, len(values) - 1)] for values in (self.rates, self.widths))
        own = _learning_rates(self.run, gradients, parameters, loss, step, steps, width=width, coupled=self.coupled)
        updates = self.run.step(gradients, parameters, loss, step, steps)
        return [update * _factor(typical, rate) for update, rate in zip(updates, own, strict=True)]


def _factor(typical: float, own: Tensor) -> Tensor:
    """α_k / α_i between 1/10 and 10; 10 where α_i is not positive."""
    return torch.where(own > 0, typical / own, LARGEST_FACTOR).clamp(1 / LARGEST_FACTOR, LARGEST_FACTOR)


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
