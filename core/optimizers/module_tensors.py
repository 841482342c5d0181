"""A user's `torch.nn.Module` that sees whole tensors, as an optimizer."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from core.errors import InputError
from core.optimizers.kept_numbers import copies_of
from core.optimizers.precision import double
from core.optimizers.tensorwise import ProblemRun, TensorwiseOptimizer

READ = ("parameters", "loss", "step", "steps")  # what its step can read beside the gradients
TENSORS: tuple[tuple[int, ...], ...] = ((3, 4), (4,), (4, 2))  # on which a module is tried
STEPS = 6


class ModuleRun(ProblemRun):
    """A module at work on one problem.

    Args:
        name: of the optimizer, for messages.
        module: the module.
        asked: what its step reads, of `READ`.
        parameters: the problem's tensors at the start point.
    """

    def __init__(self, name: str, module: nn.Module, asked: tuple[str, ...], parameters: list[Tensor]):
        self.name, self.module, self.asked = name, module, asked
        self.shapes = [tensor.shape for tensor in parameters]
        self.state: Any = self._call("initial_state", parameters)

    def _call(self, method: str, *arguments: Any, **named: Any) -> Any:
        try:
            with torch.no_grad():
                return getattr(self.module, method)(*arguments, **named)
        except Exception as error:  # noqa: BLE001 - other people's code can raise anything
            text = " ".join(str(error).split())
            raise InputError(
                f"optimizer {self.name}: its {method} fails with {type(error).__name__}: {text:.200}"
            ) from None

    def step(
        self, gradients: list[Tensor], parameters: list[Tensor], loss: float, step: int, steps: int
    ) -> list[Tensor]:
        known = {"parameters": parameters, "loss": loss, "step": step, "steps": steps}
        found = self._call("forward", self.state, gradients, **{name: known[name] for name in self.asked})
        if not isinstance(found, tuple) or len(found) != 2:
            raise InputError(f"optimizer {self.name}: forward must return (next state, updates)")
        self.state, updates = found
        if [getattr(update, "shape", None) for update in updates] != self.shapes:
            raise InputError(f"optimizer {self.name}: the updates must have the shapes of the gradients")
        return list(updates)

    def entries(self) -> Mapping[str, list[Tensor | None]]:
        if not isinstance(self.state, Mapping):
            return {}
        found: dict[str, list[Tensor | None]] = {}
        for key, value in self.state.items():
            if isinstance(value, list | tuple) and len(value) == len(self.shapes):
                fits = [
                    isinstance(one, Tensor) and one.shape == shape
                    for one, shape in zip(value, self.shapes, strict=True)
                ]
                if any(fits):
                    found[str(key)] = [one if fit else None for one, fit in zip(value, fits, strict=True)]
        return found

    def kept(self) -> Sequence[Any]:
        return [self.state]

    def copied(self) -> "ModuleRun":
        made = copy.copy(self)
        made.state = copy.deepcopy(self.state, copies_of(self.kept()))
        return made


@final
class TensorwiseModule(TensorwiseOptimizer):
    """A learned optimizer from a module that steps all tensors of a problem together.

    The module has ``initial_state(parameters) -> state``, any tree of tensors, and ``forward(state, gradients) -> (next state,
    updates)``, where ``gradients`` (so called, which is how it is told from a component-wise module) and the updates, to be *added*,
    are lists of tensors as the task shapes them. Further arguments of ``forward`` say what else it reads: ``parameters`` (a list of
    tensors), ``loss``, ``step`` and ``steps`` (numbers). Entries of a state dictionary with one tensor for each parameter are drawn.

    Args:
        name: of the optimizer.
        module: the module; it is copied, without gradients and in evaluation mode.

    Raises:
        InputError: it asks for something that is not known, fails on some tensors, or is not deterministic.
    """

    def __init__(self, name: str, module: nn.Module):
        self._name = name
        self.modules = {torch.float32: copy.deepcopy(module).eval().requires_grad_(False)}
        self.modules[torch.float64] = copy.deepcopy(module).eval().requires_grad_(False).double()
        if not hasattr(module, "initial_state"):
            raise InputError(f"optimizer {name}: a module that steps whole tensors needs initial_state(parameters)")
        further = list(inspect.signature(module.forward).parameters.values())[2:]
        unknown = [one.name for one in further if one.name not in READ and one.default is one.empty]
        if unknown:
            raise InputError(
                f"optimizer {name}: forward asks for {unknown[0]!r:.40}, which is not known: after state and gradients it can read "
                f"{', '.join(READ)}"
            )
        self.asked = tuple(one.name for one in further if one.name in READ)
        for dtype in self.modules:
            self._try(dtype)

    @property
    def name(self) -> str:
        return self._name

    def begin(self, parameters: list[Tensor], problem: int) -> ProblemRun:
        return ModuleRun(self._name, self.modules[parameters[0].dtype], self.asked, parameters)

    def _try(self, dtype: torch.dtype) -> None:
        ends = []
        for _ in range(2):
            source = torch.Generator().manual_seed(0)
            at = [torch.randn(shape, generator=source, dtype=torch.float64).to(dtype) for shape in TENSORS]
            run = self.begin(at, 0)
            for k in range(STEPS):
                gradients = [torch.randn(shape, generator=source, dtype=torch.float64).to(dtype) for shape in TENSORS]
                updates = run.step(gradients, at, 1.0, k, STEPS)
                at = [tensor + update for tensor, update in zip(at, updates, strict=True)]
            ends.append(at)
        if not all(bool(torch.isfinite(tensor).all()) for tensor in ends[0]):
            raise InputError(
                f"optimizer {self._name}: a few steps with gradients of size 1 give numbers that are not finite"
            )
        if not all(torch.equal(a, b) for a, b in zip(*ends, strict=True)):
            raise InputError(
                f"optimizer {self._name}: the same gradients give different steps: it must be deterministic"
            )


@double.register
def _(optimizer: TensorwiseModule) -> TensorwiseModule:
    return optimizer  # it holds its weights in both precisions
