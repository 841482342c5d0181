"""Plugins: the user's own optimizers and tasks, from Python files or installed packages.

Code is loaded only from sources chosen at the start, never from an upload. Files come from ``--plugin FILE`` or
``LOPTSCOPE_PLUGINS`` (which workers inherit); packages from entry points of the group ``loptscope.plugins``. Both register
their optimizers and tasks with the functions below.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InputError
from core.late import torch
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import CALIBRATION, HAND_DESIGNED
from core.optimizers.hyperparameters import Range
from core.runs.run import is_name
from core.tasks import TASKS, Task
from core.tasks.bound import check_bound

if TYPE_CHECKING:
    from torch import nn

    from core.optimizers.torch_class import Groups
    from core.optimizers.wrapping import Wrapped

VARIABLE = "LOPTSCOPE_PLUGINS"
GROUP = "loptscope.plugins"


@dataclass(frozen=True)
class Plugin:
    """A registered learned optimizer.

    Attributes:
        name: in links and commands.
        title: in menus.
        detail: one line about it.
        tasks: names of its tasks; None for all.
        optimizer: the optimizer.
        digest: a hash of its weights and its code.
    """

    name: str
    title: str
    detail: str
    tasks: tuple[str, ...] | None
    optimizer: Optimizer
    digest: str


OPTIMIZERS: dict[str, Plugin] = {}
WRAPPED: dict[str, str] = {}  # titles of wrapped torch optimizers, by name
_loaded: dict[str, str] = {}  # digests of loaded files and packages
_sources = [""]  # digests of files being loaded, the innermost last


def _check_name(name: Any, kind: str) -> str:
    if not isinstance(name, str) or not is_name(name) or "@" in name:
        raise InputError(f"the name of {kind} must be letters, digits, '_', '.' and '-' (got {name!r:.60})")
    if name in {"learned", "none", *OPTIMIZERS, *HAND_DESIGNED, *CALIBRATION}:
        raise InputError(f"an optimizer {name!r} exists already: choose another name")
    return name


def _weights_digest(module: nn.Module) -> str:
    digest = hashlib.sha256(_sources[-1].encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def register_optimizer(
    name: str,
    module: nn.Module | Callable[[], nn.Module],
    *,
    title: str | None = None,
    detail: str = "",
    tasks: Sequence[str] | None = None,
) -> Optimizer:
    """Check and register a learned optimizer.

    Args:
        name: in links and commands.
        module: maps (state [n, S], gradient [n]) to (next state [n, S], update [n]), see `ModuleOptimizer`; or (state, gradients)
            to (next state, updates) on the tensors of a problem, see `TensorwiseModule`; or a function that makes such a module.
        title: in menus; by default the name.
        detail: one line about it.
        tasks: names of the tasks it is for; by default all.

    Returns:
        the registered optimizer.

    Raises:
        InputError: the name is invalid or taken, a task is unknown, or the module fails `check_optimizer`.
    """
    _check_name(name, "an optimizer")
    for task in tasks or ():
        if task not in TASKS:
            raise InputError(f"optimizer {name}: unknown task {task!r:.60}: choose from {', '.join(TASKS)}")
    made = module if isinstance(module, torch.nn.Module) else module()
    if not isinstance(made, torch.nn.Module):
        raise InputError(f"optimizer {name} must be a torch.nn.Module (got {type(made).__name__})")
    optimizer = _taken(name, made)
    about = detail or f"{type(made).__name__}, {sum(weights.numel() for weights in made.parameters()):,} parameters"
    chosen = None if tasks is None else tuple(tasks)
    OPTIMIZERS[name] = Plugin(name, title or name, about, chosen, optimizer, _weights_digest(made))
    return optimizer


def _taken(name: str, module: nn.Module) -> Optimizer:
    """A module as an optimizer, checked: of whole tensors if its ``forward`` takes ``gradients``, else component by component."""
    from core.optimizers.checks import check_optimizer
    from core.optimizers.module import ModuleOptimizer
    from core.optimizers.module_tensors import TensorwiseModule

    try:
        taken = list(inspect.signature(getattr(module, "asks", module.forward)).parameters)
    except (TypeError, ValueError):  # a compiled module does not say
        taken = []
    if taken[1:2] == ["gradients"]:
        return TensorwiseModule(name, module)
    optimizer = ModuleOptimizer(name, module)
    check_optimizer(optimizer)
    return optimizer


def register_step(
    name: str,
    step: Callable[..., tuple[Any, Any]],
    state_names: Sequence[str] = (),
    *,
    start: Sequence[float] | None = None,
    title: str | None = None,
    detail: str = "",
    tasks: Sequence[str] | None = None,
) -> Optimizer:
    """Check and register an optimizer whose step is a plain Python function on NumPy arrays.

    Args:
        name: in links and commands.
        step: maps (state [n, S], gradient [n]) to (next state [n, S], update [n]), see `PlainStep`.
        state_names: a name for each entry of the state; none for an optimizer without.
        start: the value each entry starts at; by default 0.
        title: in menus; by default the name.
        detail: one line about it.
        tasks: names of the tasks it is for; by default all.

    Returns:
        the registered optimizer; its slopes are difference quotients.

    Raises:
        InputError: the name is invalid or taken, a task is unknown, or the step fails `check_optimizer`.
    """
    from core.optimizers.plain_step import PlainStep

    about = detail or "a plain Python function"
    return register_optimizer(name, PlainStep(step, state_names, start), title=title, detail=about, tasks=tasks)


def register_torch_optimizer(
    name: str,
    torch_class: type[torch.optim.Optimizer],
    *,
    title: str | None = None,
    ranges: Mapping[str, Range] | None = None,
    groups: Groups | None = None,
    **settings: Any,
) -> type[Wrapped]:
    """Register an optimizer with `torch.optim`'s interface as a hand-designed one, to inspect and to tune.

    Args:
        name: in links and commands.
        torch_class: such as `torch.optim.Adagrad`, or the user's own.
        title: in menus; by default the name.
        ranges: ranges of hyperparameters for tuning, by name; by default the usual ones.
        groups: divides the tensors of a problem, shaped as the task's `tensor_shapes` ([8] or [3, 4]), into parameter groups, for a class
            that wants groups of its own.
        settings: more arguments of ``torch_class``, see `wrap`.

    Returns:
        the wrapped class: component-wise, with a state [n, S], or of whole tensors, whose ``because`` says why.

    Raises:
        InputError: the name is invalid or taken, a range has an unknown hyperparameter, or `wrap` refuses the class.
    """
    from core.optimizers.wrapping import wrap

    _check_name(name, "an optimizer")
    made = wrap(name, torch_class, groups=groups, **settings)
    taken = list(made().hyperparameters())
    for key in ranges or {}:
        if key not in taken:
            raise InputError(f"{name} has no hyperparameter {key!r:.60}: it takes {', '.join(taken)}")
    limits = made.limits()
    made.own = {key: replace(limits[key], range=chosen) for key, chosen in (ranges or {}).items()}
    made.title = title or name
    HAND_DESIGNED[name] = made
    WRAPPED[name] = made.title
    return made


def register_task(task: type[Task]) -> type[Task]:
    """Check and register a task; works as a class decorator.

    Args:
        task: the class; its problems must have finite losses [problems] and gradients [problems, parameters].

    Returns:
        the same class.

    Raises:
        InputError: it is not a valid task, or its name is invalid or taken.
    """
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise InputError(f"a task must be a class derived from Task (got {task!r:.80})")
    name = getattr(task, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise InputError(f"a task's name must be lowercase letters, digits and '_' (got {name!r:.60})")
    if name in TASKS:
        raise InputError(f"a task {name!r} exists already: choose another name")
    if not isinstance(getattr(task, "title", None), str):
        raise InputError(f"task {name} needs a title")
    for dtype in (torch.float32, torch.float64):
        _try_task(task, name, dtype)
    check_bound(task())
    TASKS[name] = task
    return task


def _try_task(task: type[Task], name: str, dtype: torch.dtype) -> None:
    """Draw two problems in a precision, and ask for their losses and gradients."""
    precision = str(dtype).removeprefix("torch.")
    try:
        problems = task().sample(2, torch.Generator().manual_seed(0), dtype)
        loss, gradient = problems.loss_and_gradient(problems.x0)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - other people's code can raise anything
        text = " ".join(str(error).split())
        hint = (
            "; make constants in the precision of x, as in MATRIX.to(x.dtype)"
            if "dtype" in text or "scalar type" in text
            else ""
        )
        raise InputError(
            f"task {name}: its loss fails on problems in {precision} with {type(error).__name__}: {text:.200}{hint}"
        ) from None
    shaped = loss.shape == (2,) and gradient.shape == problems.x0.shape
    if not shaped or not torch.isfinite(loss).all() or not torch.isfinite(gradient).all():
        raise InputError(
            f"task {name}: two problems must have finite losses [2] and gradients as x0 (got {list(loss.shape)} in {precision})"
        )
    sizes = [torch.Size(shape).numel() for shape in problems.tensor_shapes()]
    if sum(sizes) != problems.dimension:
        raise InputError(
            f"task {name}: its tensor_shapes hold {sum(sizes)} numbers in all, and a problem has {problems.dimension} parameters"
        )
    if problems.x0.dtype != dtype or loss.dtype != dtype or gradient.dtype != dtype:
        got = ", ".join(str(one.dtype).removeprefix("torch.") for one in (problems.x0, loss, gradient))
        raise InputError(
            f"task {name}: problems in {precision} must have x0, losses and gradients in {precision} (got {got})"
        )


def _registered() -> int:
    return len(OPTIMIZERS) + len(WRAPPED) + len(TASKS)


def load_file(path: Path) -> None:
    """Run a Python file that registers something; a loaded file is not run again.

    Raises:
        InputError: the file does not exist, fails, or registers nothing.
    """
    location = str(path.resolve())
    if location in _loaded:
        return
    try:
        content = path.read_bytes()
    except OSError:
        raise InputError(f"plugin {path} cannot be read: name a Python file") from None
    stem = re.sub(r"\W", "_", path.stem)
    name = f"loptscope_plugin_{stem}_{hashlib.sha256(location.encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin {path} cannot be read: name a Python file (it ends in .py)")
    module = importlib.util.module_from_spec(spec)
    before = _registered()
    sys.modules[name] = module
    _sources.append(hashlib.sha256(content).hexdigest())
    _loaded[location] = _sources[-1]  # set first, since its imports may load all plugins
    try:
        spec.loader.exec_module(module)
    except InputError as error:
        del _loaded[location]
        raise InputError(f"plugin {path}: {error}") from None
    except Exception as error:  # noqa: BLE001 - other people's code can raise anything
        del _loaded[location]
        text = " ".join(str(error).split())
        raise InputError(f"plugin {path} fails with {type(error).__name__}: {text:.300}") from None
    finally:
        _sources.pop()
    if _registered() == before:
        del _loaded[location]
        raise InputError(
            f"plugin {path} registers nothing: call register_optimizer, register_torch_optimizer or register_task"
        )


def load_all(paths: Iterable[str | Path] = ()) -> None:
    """Load these files, those in ``LOPTSCOPE_PLUGINS``, and the plugins of installed packages. Processes started later do the same.

    Raises:
        InputError: a plugin cannot be loaded.
    """
    named = [Path(text).resolve() for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]
    files = list(dict.fromkeys([*named, *(Path(path).resolve() for path in paths)]))
    for path in files:
        load_file(path)
    if files:
        os.environ[VARIABLE] = os.pathsep.join(map(str, files))
    for point in entry_points(group=GROUP):
        if point.value in _loaded:
            continue
        try:
            register = point.load()
            if callable(register):
                register()
        except Exception as error:  # noqa: BLE001 - other people's code can raise anything
            text = " ".join(str(error).split())
            raise InputError(
                f"plugin {point.name} ({point.value}) fails with {type(error).__name__}: {text:.300}"
            ) from None
        _loaded[point.value] = point.value
