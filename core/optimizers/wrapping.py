"""Takes a class with `torch.optim`'s interface under the microscope: component by component where that is what it does, whole otherwise.

A class is taken component by component only if it then does, over many steps, exactly what the class itself does: on gradients of all sizes,
each component alone as among others, and on problems of a task. Whatever fails is wrapped whole (its own code on every problem), and
says why. Only what cannot run at all is refused.
"""

import re
from collections.abc import Callable
from dataclasses import field, make_dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.checks import is_smooth
from core.optimizers.full_precision import coarseness
from core.optimizers.quiet import quiet
from core.optimizers.schedules import Scalar
from core.optimizers.torch_class import Groups, TorchClass, UnfitError
from core.optimizers.torch_optimizer import TorchOptimizer
from core.optimizers.torch_tensors import TorchRun, TorchTensorwise

CHECKED = 200  # steps over which a wrapped optimizer is compared with torch's
COMPONENTS = 4
SMALL, LARGE = 1e-8, 1e4  # sizes of the gradients that it is compared on
CLOSE = 1e-8  # relative
SAME = 1e-4  # of the way gone, by which two runs on the same gradients may differ
TENSORS: tuple[tuple[int, ...], ...] = ((3, 4), (4,), (4, 2))  # on which a whole optimizer is tried
SHAPES: tuple[tuple[int, ...], ...] = ((3, 4), (4,), (2, 3, 2, 2), (130, 130))  # some treat by shape or by size
SHAPED = 12  # steps on these
DIFFERS = "taken component by component it differs from the class itself at step {}"

Wrapped = TorchOptimizer | TorchTensorwise


def wrap(
    name: str, torch_class: type[torch.optim.Optimizer], *, groups: Groups | None = None, **settings: Any
) -> type[Wrapped]:
    """A hand-designed optimizer from a class with torch's interface.

    Its hyperparameters are the arguments in `core.optimizers.torch_class.NAMES`, with torch's defaults or those of ``settings``. With a
    momentum of 0 it has no momentum hyperparameter.

    Args:
        name: of the new optimizer.
        torch_class: such as `torch.optim.Adagrad`.
        groups: divides a problem's tensors into parameter groups (a list of dictionaries, as torch takes them); by default one group.
        settings: torch's arguments: defaults of hyperparameters, and fixed settings such as ``amsgrad=True``.

    Returns:
        a `TorchOptimizer`, component by component; or a `TorchTensorwise`, whose ``because`` says why not.

    Raises:
        InputError: it cannot run: an argument is missing, it wants a closure or sparse gradients, its steps are random or not finite.
    """
    source = TorchClass(name, torch_class, settings, groups)
    if groups is not None:
        return _whole(source, "its tensors are divided into groups")
    try:
        return _component_wise(source)
    except UnfitError as error:
        return _whole(source, str(error))
    except Exception as error:  # noqa: BLE001 - other people's code, in a state that it did not make itself
        return _whole(source, source.reason("taken component by component it fails", error))


def _made(source: TorchClass, base: type, body: dict[str, Any]) -> Any:
    torch_class = source.torch_class
    body |= {
        "kind": source.name,
        "title": source.name,
        "source": source,
        "__doc__": f"`{torch_class.__module__}.{torch_class.__qualname__}`, wrapped.",
    }
    parts = [(key, Scalar, field(default=value)) for key, value in source.usual.items()]
    return make_dataclass(
        source.name, parts, bases=(base,), namespace=body, frozen=base is TorchOptimizer, eq=base is TorchOptimizer
    )


def _component_wise(source: TorchClass) -> type[TorchOptimizer]:
    usual = source.usual
    anatomy = source.anatomy(usual)
    moved = source.anatomy(usual, start=3.0)
    if moved.memory != anatomy.memory:
        raise UnfitError("what it keeps depends on the parameter")
    starts = tuple(
        own if own == other else "parameter" if other == "parameter" else own
        for own, other in zip(anatomy.starts, moved.starts, strict=True)
    )
    reads = "parameter" in starts or _depends_on_parameter(source)
    anatomy.starts = starts
    made: type[TorchOptimizer] = _made(
        source,
        TorchOptimizer,
        {
            "memory": anatomy.memory,
            "anatomy": anatomy,
            "clocked": anatomy.counts,
            "reads_parameter": reads,
            "exact": source.differentiable,
            "_known": {tuple(usual.items()): anatomy},
        },
    )
    reason = _differs(made, source)
    if reason and anatomy.rests[0].state:  # some find what they count missing at first, and start it with that step
        made.counts_late = True
        anatomy.rests[0].state.clear()
        reason = _differs(made, source)
    if reason == DIFFERS.format(1):  # some make what they keep in the first step, in another way than they go on
        before = made.clocked, made.exact
        made.clocked, made.starts_late, made.exact = True, True, False  # what torch's SGD makes there has no graph
        reason = _differs(made, source)
        if reason:
            made.starts_late, (made.clocked, made.exact) = False, before
    if reason and not made.reads_parameter:  # some read it in some places only, as those that clamp it
        made.reads_parameter = True
        reason = _differs(made, source)
    if reason or (reason := _differs_by_shape(made, source)):
        raise UnfitError(reason)
    made.is_smooth = is_smooth(made())
    source.coarse = coarseness(lambda: _far_path(source))
    return made


def _far_path(source: TorchClass) -> Tensor:
    """Where the class itself goes in some steps, from 0, [3 n]."""
    generator = torch.Generator().manual_seed(4)
    gradients = torch.randn(3, COMPONENTS, generator=generator, dtype=torch.float64)
    return _path(source, torch.zeros(COMPONENTS, dtype=torch.float64), gradients, 3).flatten()


def _path(source: TorchClass, start: Tensor, gradients: Tensor | Callable[[Tensor], Tensor], steps: int) -> Tensor:
    """Where the class itself goes from a start [n], [steps, n]."""
    parameter = start.clone().requires_grad_()
    points = []
    try:
        optimizer = source.make([parameter], source.usual)
        for k in range(steps):
            at = parameter.detach()
            parameter.grad = (gradients[k] if isinstance(gradients, Tensor) else gradients(at)).clone()
            with quiet():
                optimizer.step()
            points.append(parameter.detach().clone())
    except Exception as error:  # noqa: BLE001 - other people's code can raise anything
        raise UnfitError(source.reason("a plain step fails", error)) from None
    return torch.stack(points)


def _depends_on_parameter(source: TorchClass) -> bool:
    generator = torch.Generator().manual_seed(2)
    gradients = torch.randn(12, 3, generator=generator, dtype=torch.float64)
    here, there = (
        _path(source, torch.full((3,), start, dtype=torch.float64), gradients, 12) - start for start in (0.0, 3.0)
    )
    single = torch.equal(here, here.float().double())  # arithmetic in single precision rounds at 3 and not at 0
    close = 1e-5 if single else 1e-9
    return not torch.allclose(here, there, rtol=close, atol=close * float(here.abs().max()))


def _differs(made: type[TorchOptimizer], source: TorchClass) -> str:
    """In what a component-wise optimizer differs from the class itself; "" if in nothing."""
    generator = torch.Generator().manual_seed(0)
    sizes = torch.rand(CHECKED, COMPONENTS, generator=generator, dtype=torch.float64)
    signs = torch.randn(CHECKED, COMPONENTS, generator=generator, dtype=torch.float64).sign()
    gradients = signs * SMALL * (LARGE / SMALL) ** sizes
    gradients[::17, 1:] = 0
    start = torch.tensor([0.0, 0.5, -2.0, 30.0], dtype=torch.float64)
    theirs = _path(source, start, gradients, CHECKED)
    finite = torch.isfinite(theirs).all(1)
    for i in range(COMPONENTS):
        alone = _path(source, start[i : i + 1], gradients[:, i : i + 1], CHECKED)[:, 0]
        if not _close(alone[finite], theirs[finite, i]):
            return "its components influence each other"
    ours, x = made(), start
    state = ours.state_at(x)
    for k in range(CHECKED):
        state = ours.told(state, x[None], x.new_ones(1), k, CHECKED)
        state, update = ours.step(state, gradients[k])
        x = x + update
        if finite[k] and not _close(x, theirs[k]):
            return DIFFERS.format(k + 1)
    return _differs_on_a_task(made, source)


def _differs_on_a_task(made: type[TorchOptimizer], source: TorchClass) -> str:
    """The same on a valley with curvatures 1 and 100, from two starts, where errors would add up."""
    curvature = torch.tensor([1.0, 100.0, 1.0, 100.0], dtype=torch.float64)
    start = torch.tensor([1.0, 1.0, -2.0, 0.1], dtype=torch.float64)
    theirs = torch.cat([_path(source, part, lambda x: curvature[:2] * x, CHECKED) for part in start.split(2)], 1)
    ours, x = made(), start
    state = ours.state_at(x)
    for k in range(CHECKED):
        state = ours.told(state, x[None], x.new_ones(1), k, CHECKED)
        state, update = ours.step(state, curvature * x)
        x = x + update
        known = theirs[k]
        if not bool((torch.isfinite(known) & (known.abs() < 1e6)).all()):
            break
        if not torch.allclose(x, known, rtol=1e-5, atol=1e-5 * float(theirs[: k + 1].abs().max())):
            return f"on a quadratic it differs from the class itself at step {k + 1}"
    return ""


def _differs_by_shape(made: type[TorchOptimizer], source: TorchClass) -> str:
    """In what it differs on tensors of several shapes together: some leave weight decay out for vectors, or average over rows of matrices."""
    generator = torch.Generator().manual_seed(3)
    starts = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
    gradients = [
        [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES] for _ in range(SHAPED)
    ]
    theirs = [start.clone().requires_grad_() for start in starts]
    try:
        optimizer = source.make(list(theirs), source.usual)
        for each in gradients:
            for parameter, gradient in zip(theirs, each, strict=True):
                parameter.grad = gradient.clone()
            with quiet():
                optimizer.step()
    except Exception as error:  # noqa: BLE001 - other people's code can raise anything
        return source.reason("on matrices a plain step fails", error)
    ours, x = made(), torch.cat([start.flatten() for start in starts])
    state = ours.state_at(x)
    for k, each in enumerate(gradients):
        state = ours.told(state, x[None], x.new_ones(1), k, SHAPED)
        state, update = ours.step(state, torch.cat([gradient.flatten() for gradient in each]))
        x = x + update
    known = torch.cat([parameter.detach().flatten() for parameter in theirs])
    return "" if _close(x, known) else "what it does depends on the shapes of tensors, or on how many there are"


def _close(ours: Tensor, theirs: Tensor) -> bool:
    size = float(theirs.abs().max()) if theirs.numel() else 1.0
    single = bool(torch.equal(theirs, theirs.float().double()))
    close = 1e-5 if single else CLOSE
    return torch.allclose(ours, theirs, rtol=close, atol=close * size)


PRECISION = re.compile("dtype|scalar type|same type")  # in torch's errors, where precisions are mixed

WAYS: tuple[
    tuple[dict[str, bool], str], ...
] = (  # to run a class whole: what it is given, and what is said of it if it can be run in that way only
    ({}, ""),
    ({"as_matrices": True}, "it takes only matrices"),
    ({"single": True}, "it runs in single precision only"),
    ({"as_matrices": True, "single": True}, "it takes only matrices, in single precision"),
)


def _whole(source: TorchClass, because: str) -> type[TorchTensorwise]:
    first: InputError | None = None
    for way, only in WAYS:
        source.single, as_matrices = way.get("single", False), way.get("as_matrices", False)
        try:
            _try_whole(source, as_matrices=as_matrices)
        except InputError as refused:
            if "without a closure" in str(refused) and not source.wants_closure:
                source.wants_closure = True
                return _whole(source, because)
            # single precision, where double is what fails, says what is in the way
            first = refused if first is None or PRECISION.search(str(first)) else first
            continue
        made: type[TorchTensorwise] = _made(
            source, TorchTensorwise, {"because": only or because, "as_matrices": as_matrices}
        )
        if not source.single:
            source.coarse = coarseness(partial(_tried, source, 3, as_matrices=as_matrices))
        return made
    assert first is not None
    raise first


def _tried(source: TorchClass, steps: int, *, as_matrices: bool) -> Tensor:
    """How far some steps on gradients of size 1 lead in all, [numbers]."""
    generator = torch.Generator().manual_seed(0)
    start = at = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in TENSORS]
    run = TorchRun(source, source.usual, at, as_matrices=as_matrices)
    for k in range(steps):
        gradients = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in TENSORS]
        updates = run.step(gradients, at, 1.0, k, steps)
        at = [tensor + update for tensor, update in zip(at, updates, strict=True)]
    return torch.cat([(end - begin).flatten() for end, begin in zip(at, start, strict=True)])


def _try_whole(source: TorchClass, *, as_matrices: bool) -> None:
    """Two runs on the same gradients, which must be finite and the same (but for rounding, which can depend on where memory lies)."""
    away, again = (_tried(source, CHECKED, as_matrices=as_matrices) for _ in range(2))
    if not bool(torch.isfinite(away).all()):
        raise InputError(
            f"{source.name} cannot be wrapped: some steps with gradients of size 1 give numbers that are not finite"
        )
    if not float((away - again).abs().max()) <= SAME * float(away.abs().max()):
        raise InputError(
            f"{source.name} cannot be wrapped: the same gradients give different steps, so it is not deterministic"
        )
