"""How many optimizers of other packages are taken, and taken rightly: python -m tools.collections torch.optim lion_pytorch …

Each class is registered with its defaults (a missing learning rate is 0.01) and then run for 200 steps on problems of linear regression, in a
batch and by the class itself on each problem alone. Taken *by component* or *whole*, it follows the class to 1e-6, as long as rounding does
not decide where the class goes: steps after which the class itself goes elsewhere from a start moved by its last bit (in single precision, where
a part of its arithmetic is) are not compared. *Wrong* does not follow; *refused* was not taken, with the sentence that says why; *missing* packages cannot be imported. Nothing else needs them.
"""

import argparse
import contextlib
import importlib
import inspect
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.torch_class import TorchClass
from core.optimizers.torch_optimizer import TorchOptimizer
from core.optimizers.wrapping import Wrapped, wrap
from core.seeds import Purpose, generator
from core.tasks import make_task
from core.tasks.base import Problems
from core.unroll import unroll
from tools.marked import with_table

FILE = Path(__file__).resolve().parents[1] / "docs" / "bring-your-own.md"
KINDS = ("component", "whole", "refused", "wrong", "fails")
HEAD = "| package | version | classes | by component | whole | refused | differ | fail |\n|---|---|---|---|---|---|---|---|\n"
STEPS = 200
PROBLEMS = 3
CLOSE = 1e-6
NUDGES = 3  # starts moved by their last bit
BIG = 1e6  # losses above it, relative to the first, are no longer compared


def classes_of(module: str) -> list[type[torch.optim.Optimizer]]:
    """The optimizer classes that a module offers, by name."""
    found = vars(importlib.import_module(module)).values()
    return sorted(
        {
            one
            for one in found
            if inspect.isclass(one) and issubclass(one, torch.optim.Optimizer) and one is not torch.optim.Optimizer
        },
        key=lambda one: one.__name__,
    )


def settings_of(torch_class: type[torch.optim.Optimizer]) -> dict[str, Any]:
    """The arguments without a default that a user must set: the learning rate."""
    rate = inspect.signature(torch_class).parameters.get("lr")
    return {"lr": 0.01} if rate is not None and rate.default in (rate.empty, None) else {}


def by_itself(
    torch_class: type[torch.optim.Optimizer],
    problem: Problems,
    *,
    as_matrices: bool,
    source: TorchClass,
    settings: dict[str, Any],
    nudge: int = 0,
) -> Tensor:
    """Losses of the class itself on one problem, from its start or from one moved by a last bit, [STEPS + 1]."""
    start = problem.x0[0].clone()
    if nudge:
        bits = torch.randn(len(start), generator=torch.Generator().manual_seed(nudge)).sign()
        coarse = source.single or source.coarse is not None  # part of its arithmetic is in single precision, or half
        start = start + bits * torch.finfo(torch.float32 if coarse else start.dtype).eps * start
    start = start.float() if source.single else start
    parameter = torch.nn.Parameter(start[None] if as_matrices else start)
    optimizer, losses = torch_class([parameter], **settings), []
    train = getattr(optimizer, "train", None)
    if callable(train):
        train()
    for k in range(STEPS + 1):
        loss, gradient = problem.loss_and_gradient(parameter.detach().view(1, -1).to(problem.x0.dtype))
        losses.append(float(loss[0]))
        if k < STEPS:
            parameter.grad = gradient.view_as(parameter).to(parameter.dtype, copy=True)
            if source.wants_closure:
                known = loss[0].detach()
                optimizer.step(lambda known=known: known)  # type: ignore[misc]
            else:
                optimizer.step()
    return torch.tensor(losses, dtype=torch.float64)


def follows(made: type[Wrapped], torch_class: type[torch.optim.Optimizer], settings: dict[str, Any]) -> str:
    """Where a wrapped class leaves the class itself; "" if nowhere."""
    problems = make_task("linear_regression").sample(PROBLEMS, generator(Purpose.VIEW, 0), torch.float64)
    if made.source.single:
        problems = problems.starting_at(problems.x0.float().double())
    ours = unroll(made(), problems, STEPS, record=()).losses
    as_matrices = bool(getattr(made, "as_matrices", False))
    for i in range(PROBLEMS):

        def itself(nudge: int, i: int = i) -> Tensor:
            one = problems.part(i, i + 1)
            return by_itself(
                torch_class, one, as_matrices=as_matrices, source=made.source, settings=settings, nudge=nudge
            )

        theirs = itself(0)
        k = _leaves(ours[:, i], theirs)
        if k is not None and not (not made.source.single and _rounding_decides(itself, theirs, k)):
            return f"problem {i}, step {k}: {float(ours[k, i]):.9g} instead of {float(theirs[k]):.9g}"
    return ""


def _leaves(losses: Tensor, known: Tensor) -> int | None:
    """The first step at which losses [STEPS + 1] leave the known ones; None if they do not while these are of some size."""
    first = float(known[0])
    for k, value in enumerate(known.tolist()):
        if not abs(value) < BIG * first:
            return None
        if not abs(float(losses[k]) - value) <= CLOSE * max(abs(value), 1e-12 * first):
            return k
    return None


def _rounding_decides(itself: Callable[[int], Tensor], losses: Tensor, k: int) -> bool:
    """Whether the class leaves its own losses [STEPS + 1] by step k, from starts moved by a last bit."""
    left = [_leaves(itself(nudge), losses) for nudge in range(1, NUDGES + 1)]
    return any(step is not None and step <= k for step in left)


def verdict(torch_class: type[torch.optim.Optimizer]) -> tuple[str, str]:
    """What becomes of a class, one of `KINDS` or "fails", and a sentence about it."""
    settings = settings_of(torch_class)
    try:
        made = wrap(torch_class.__name__.lower(), torch_class, **settings)
        wrong = follows(made, torch_class, settings)
    except InputError as error:
        return "refused", str(error)
    except Exception as error:  # noqa: BLE001 - a fault of ours, to be counted
        return "fails", f"{type(error).__name__}: {error}"
    if wrong:
        return "wrong", wrong
    if issubclass(made, TorchOptimizer):
        return "component", "component by component"
    return "whole", f"whole: {made.because}"


def version_of(module: str) -> str:
    """Of the package that a module belongs to; "unknown" if it does not say."""
    for name in (module.partition(".")[0], module.partition(".")[0].replace("_", "-")):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "unknown"


def table(counted: dict[str, Counter[str]]) -> str:
    """Shares of packages, by name, as a table with the date and the versions."""
    lines = [f"Counted on {datetime.now(UTC):%d %B %Y} with torch {torch.__version__.partition('+')[0]}:\n\n{HEAD}"]
    for module, counts in counted.items():
        total = sum(counts.values())
        shares = " | ".join(f"{counts[kind]} ({100 * counts[kind] / total:.0f} %)" for kind in KINDS)
        lines.append(f"| `{module}` | {version_of(module)} | {total} | {shares} |\n")
    return "".join(lines)


def main() -> None:
    """Print a line for each class, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", help="such as torch.optim")
    parser.add_argument("--path", type=Path, help="a folder that the packages are installed in, beside the environment")
    parser.add_argument("--write", action="store_true", help="put the table into docs/bring-your-own.md")
    options = parser.parse_args()
    if options.path is not None:
        sys.path.append(str(options.path))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    counted: dict[str, Counter[str]] = {}
    for module in options.modules:
        try:
            classes = classes_of(module)
        except ImportError as error:
            print(f"missing  {module}: {error}", flush=True)
            continue
        for torch_class in classes:
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
                kind, about = verdict(torch_class)
            counted.setdefault(module, Counter())[kind] += 1
            print(f"{kind:<10}{module}.{torch_class.__name__}: {about}", flush=True)
    found = table(counted)
    print(found)
    if options.write:
        FILE.write_text(with_table(FILE.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
