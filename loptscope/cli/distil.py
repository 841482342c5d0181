"""The command ``distil``: how much of a learned optimizer's advantage known mechanisms explain."""

import argparse
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from core.distil.store import write_distillation
from core.distil.tables import distillation_table
from core.distil.writing.python import python_lines, torch_file
from core.errors import InputError
from core.files.atomic import write_bytes
from core.late import torch
from core.runs import zoo


def add_distil(d: argparse.ArgumentParser) -> None:
    """The options of ``distil``."""
    d.add_argument("--run", required=True, metavar="DIR_OR_NAME", help="a run's folder or a zoo name")
    d.add_argument("--seed", type=int, help="of the held-out problems (default: that of the stored result, or 0)")
    d.add_argument(
        "--budget",
        type=int,
        metavar="OUTER_STEPS",
        help="of every training (default: that of the stored result; otherwise 1000, or 24 where a problem has more than 1000 parameters)",
    )
    d.add_argument(
        "--longer",
        type=int,
        metavar="OUTER_STEPS",
        help="train the formula of the four mechanisms and the largest one again, with so many outer steps (default: not)",
    )
    d.add_argument("--again", action="store_true", help="compute it even if there is a stored result")
    d.add_argument(
        "--save",
        action="store_true",
        help="store the result with the run, even a shipped one, with what an earlier version did not measure of it",
    )
    d.add_argument("--latex", action="store_true", help="print the formula as LaTeX")
    d.add_argument("--python", action="store_true", help="print the formula as a few lines of Python")
    d.add_argument("--torch", type=Path, metavar="FILE", help="write the formula as a torch.optim.Optimizer")


def distil(options: argparse.Namespace) -> dict[str, Any]:
    """``distil``."""
    from loptscope.distilling import distil as distil_by_name

    if options.budget is not None and not 1 <= options.budget <= 100_000:
        raise InputError(f"--budget must be between 1 and 100000 outer steps (got {options.budget})")
    if options.longer is not None and not 2 <= options.longer <= 100_000:
        raise InputError(f"--longer must be between 2 and 100000 outer steps (got {options.longer})")
    if options.seed is not None and options.seed < 0:
        raise InputError(f"--seed must be 0 or more (got {options.seed})")
    if options.torch is not None and (options.torch.is_dir() or not options.torch.parent.is_dir()):
        raise InputError(f"--torch must be a file in a folder that exists (got {str(options.torch)!r})")
    torch.set_num_threads(1)  # trainings run in parallel instead
    bar: tqdm[NoReturn] | None = None

    def report(done: int, planned: int) -> None:
        nonlocal bar
        if bar is None or bar.total != planned:
            if bar is not None:
                bar.close()
            bar = tqdm(total=planned, unit="formula", desc=f"{options.run} distilled", initial=done)
        bar.update(done - bar.n)

    try:
        result = distil_by_name(
            options.run,
            seed=options.seed,
            budget=options.budget,
            workers=options.threads or 1,
            again=options.again,
            longer=options.longer,
            completed=options.save,
            on_progress=report,
        )
    finally:
        if bar is not None:
            bar.close()
    if options.save:
        print(f"stored in {write_distillation(zoo.find_run(options.run), result, with_run=True)}")
    print(distillation_table(result))
    formula = result.formula.formula()
    if options.latex:
        print(result.formula.latex)
    if options.python:
        print(python_lines(formula))
    if options.torch is not None:
        write_bytes(options.torch, torch_file(formula, f"{result.run} as a formula.").encode())
        print(f"written to {options.torch}")
    return result.model_dump(mode="json")
