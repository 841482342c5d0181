"""How many optimizers of other packages are taken, and taken rightly: python -m tools.collections torch.optim lion_pytorch …

Each class is registered with its defaults (a missing learning rate is 0.01) and then run for 200 steps on problems of linear regression, in a
batch and by the class itself on each problem alone. *Right* follows the class to 1e-6; *wrong* does not; *refused* was not taken, with
the sentence that says why. The packages must be installed; none is needed for anything else.
"""

import argparse
import importlib
import inspect
import os
import sys
import warnings
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.torch_optimizer import TorchOptimizer
from core.optimizers.wrapping import Wrapped, wrap
from core.seeds import Purpose, generator
from core.tasks import make_task
from core.tasks.base import Problems
from core.unroll import unroll

STEPS = 200
PROBLEMS = 3
CLOSE = 1e-6
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
    wants_closure: bool,
    settings: dict[str, Any],
) -> Tensor:
    """Losses of the class itself on one problem, [STEPS + 1]."""
    start = problem.x0[0].clone()
    parameter = torch.nn.Parameter(start[None] if as_matrices else start)
    optimizer, losses = torch_class([parameter], **settings), []
    train = getattr(optimizer, "train", None)
    if callable(train):
        train()
    for k in range(STEPS + 1):
        loss, gradient = problem.loss_and_gradient(parameter.detach().view(1, -1))
        losses.append(float(loss[0]))
        if k < STEPS:
            parameter.grad = gradient.view_as(parameter).clone()
            if wants_closure:
                known = loss[0].detach()
                optimizer.step(lambda known=known: known)  # type: ignore[misc]
            else:
                optimizer.step()
    return torch.tensor(losses, dtype=torch.float64)


def follows(made: type[Wrapped], torch_class: type[torch.optim.Optimizer], settings: dict[str, Any]) -> str:
    """Where a wrapped class leaves the class itself; "" if nowhere."""
    problems = make_task("linear_regression").sample(PROBLEMS, generator(Purpose.VIEW, 0), torch.float64)
    ours = unroll(made(), problems, STEPS, record=()).losses
    as_matrices = bool(getattr(made, "as_matrices", False))
    for i in range(PROBLEMS):
        theirs = by_itself(
            torch_class,
            problems.part(i, i + 1),
            as_matrices=as_matrices,
            wants_closure=made.source.wants_closure,
            settings=settings,
        )
        for k in range(STEPS + 1):
            known = float(theirs[k])
            if not abs(known) < BIG * float(theirs[0]):
                break
            if not abs(float(ours[k, i]) - known) <= CLOSE * max(abs(known), 1e-12 * float(theirs[0])):
                return f"problem {i}, step {k}: {float(ours[k, i]):.9g} instead of {known:.9g}"
    return ""


def main() -> None:
    """Print a line for each class, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", help="such as torch.optim")
    parser.add_argument("--path", type=Path, help="a folder that the packages are installed in, beside the environment")
    options = parser.parse_args()
    if options.path is not None:
        sys.path.append(str(options.path))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    for module in options.modules:
        for torch_class in classes_of(module):
            settings = settings_of(torch_class)
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
                try:
                    made = wrap(torch_class.__name__.lower(), torch_class, **settings)
                    wrong = follows(made, torch_class, settings)
                    kind = "wrong" if wrong else "right"
                    alone = issubclass(made, TorchOptimizer)
                    about = wrong or ("component by component" if alone else f"whole: {getattr(made, 'because', '')}")
                except InputError as error:
                    kind, about = "refused", str(error)
                except Exception as error:  # noqa: BLE001 - a fault of ours, to be counted
                    kind, about = "fails", f"{type(error).__name__}: {error}"
            counts[kind] += 1
            print(f"{kind:<8}{module}.{torch_class.__name__}: {about}", flush=True)
    total = sum(counts.values())
    print(", ".join(f"{kind} {count} of {total} ({100 * count / total:.0f} %)" for kind, count in counts.items()))


if __name__ == "__main__":
    main()
