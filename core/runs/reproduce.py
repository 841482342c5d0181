"""Trains a zoo optimizer again from its recipe, and compares the result with the shipped one.

On one machine and with one version, the same recipe gives the same θ bit for bit. Elsewhere products are rounded differently and outer training
diverges numerically, at once where unrolls are chaotic: the first outer losses agree to rounding on linear regression, and to some 10 % on Rosenbrock and two
moons; the final θ does not agree, and the held-out meta-losses are comparable.
"""

import math
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel

from core.errors import InputError
from core.evaluation.held_out import Evaluation, MetaLoss
from core.files.atomic import read_json
from core.runs import zoo
from core.runs.config import RunConfig
from core.runs.run import Run

FIRST = 3  # number of outer losses that are compared


class Reproduction(BaseModel):
    """A zoo optimizer trained again.

    Attributes:
        name: of the zoo optimizer.
        run: folder of the new run.
        outer_step: outer steps done.
        finished: whether training has finished.
        first_losses_differ: largest relative difference of the first three outer losses from those of the shipped run; None if it
            has none.
        meta_loss: on held-out problems, of the new run; None before it has finished.
        shipped_meta_loss: the same of the shipped one; None if it has not been evaluated.
    """

    name: str
    run: str
    outer_step: int
    finished: bool
    first_losses_differ: float | None
    meta_loss: MetaLoss | None
    shipped_meta_loss: MetaLoss | None

    def sentence(self) -> str:
        """The result as a sentence."""
        text = f"{self.name}: {self.outer_step} outer steps in {self.run}"
        if self.first_losses_differ is not None:
            text += f"; the first outer losses differ from the shipped run's by {self.first_losses_differ:.1g} relative"
        for word, score in (("held-out meta-loss", self.meta_loss), ("shipped", self.shipped_meta_loss)):
            if self.finished and score is not None and score.mean is not None:
                text += f"; {word} {score.mean:.4g}" + (f" ± {score.sem:.2g}" if score.sem is not None else "")
        return text


def _difference(again: Run, shipped: Run) -> float | None:
    ours = [step.meta_loss for step in again.outer_losses()[:FIRST]]
    theirs = [step.meta_loss for step in shipped.outer_losses()[:FIRST]]
    pairs = list(zip(ours, theirs, strict=False))
    return max((abs(a - b) / abs(b) for a, b in pairs if math.isfinite(a - b)), default=None)


def _shipped_meta_loss(shipped: Run) -> MetaLoss | None:
    path = shipped.path / "evaluation.json"
    return read_json(path, Evaluation).optimizers["learned"].meta_loss if path.exists() else None


def reproduce(
    name: str,
    into: Path,
    fit: Callable[[Path, RunConfig, bool], Run],
    *,
    problems: int = 128,
    root: Path = zoo.ROOT,
    on_evaluation: Callable[[Evaluation], None] | None = None,
) -> Reproduction:
    """Train a zoo optimizer again, or continue doing so, and evaluate it when it has finished.

    Args:
        name: of a recipe.
        into: folder of the new run, ``into/name``; an existing run is continued.
        fit: trains a run in a folder with a configuration; the third argument says whether to resume.
        problems: number of held-out problems of the evaluation, which is stored with the run.
        root: of the zoo.
        on_evaluation: called with the evaluation.

    Raises:
        InputError: no such recipe, or the folder contains another run.
    """
    table = {recipe.name: recipe for recipe in zoo.recipes(root)}
    if name not in table:
        raise InputError(f"no recipe {name!r} in zoo/recipes.json: it has {', '.join(table)}")
    shipped_there = into.resolve() != root.resolve() and (root / name / "config.json").exists()
    path = into / name
    run = fit(path, table[name].config, (path / "config.json").exists())
    finished = run.status().state == "finished"
    score = None
    if finished:
        evaluation = zoo.evaluate_run(run, problems=problems, root=root / "tuned")
        zoo.write_evaluation(run, evaluation)
        score = evaluation.optimizers["learned"].meta_loss
        if on_evaluation is not None:
            on_evaluation(evaluation)
    return Reproduction(
        name=name,
        run=str(path),
        outer_step=run.status().outer_step,
        finished=finished,
        first_losses_differ=_difference(run, Run(root / name)) if shipped_there else None,
        meta_loss=score,
        shipped_meta_loss=_shipped_meta_loss(Run(root / name)) if shipped_there else None,
    )
