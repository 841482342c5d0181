"""Write docs/findings.md from the shipped optimizers: ``.venv/bin/python -m tools.findings [--interventions]``.

It lists which of the paper's claims hold for each of them, with the numbers. ``--interventions`` runs the ablations that are missing and
stores them with their run (an hour of one core for all); without it, the stored ones are used.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from core.baselines.search import read_search_result
from core.errors import InputError
from core.files.atomic import read_json, write_bytes, write_json
from core.mechanisms.ablation import ABLATIONS_FILE, TITLES, Ablations, ablate
from core.mechanisms.context import Context
from core.mechanisms.report import Report, report_of
from core.runs import zoo
from core.tasks import TASKS, make_task

PAGE = Path(__file__).resolve().parent.parent / "docs" / "findings.md"
PROBLEMS, FEW = 128, 8  # numbers of problems of ablations: small problems, and large ones
NEAR = 0.05  # largest distance of |λ| from β

INTRODUCTION = """# What the shipped optimizers do

Maheswaranathan et al. (arXiv 2011.02159) found four mechanisms in learned optimizers: momentum (a slow mode near the tuned momentum's β),
gradient clipping (a saturating update function), a learning-rate schedule (carried by autonomous dynamics), and learning-rate
adaptation (an effective learning rate that falls along the S-curve of fixed points). Do the optimizers that ship here, which
were trained from scratch, have them too?

`loptscope analyze` measured everything below ([what each number is](mechanisms.md)), and `python -m tools.findings` wrote this page; no number
is typed by hand.
"""


@dataclass(frozen=True)
class Finding:
    """One shipped optimizer, measured.

    Attributes:
        name: of the zoo entry.
        seed: its outer seed.
        report: the four mechanisms.
        beta: the tuned momentum's β on its task.
        ablations: its ablations; None if they were not run.
    """

    name: str
    seed: int
    report: Report
    beta: float
    ablations: Ablations | None

    @property
    def slow_mode(self) -> float | None:
        """|λ| of the slowest mode."""
        sizes = self.report.momentum.eigenvalues
        return sizes[0] if sizes else None

    @property
    def near_beta(self) -> float | None:
        """|λ| of the mode nearest to β."""
        sizes = self.report.momentum.eigenvalues
        return min(sizes, key=lambda size: abs(size - self.beta)) if sizes else None

    @property
    def claims(self) -> dict[str, bool]:
        """Which of the paper's claims hold."""
        r = self.report
        near = self.near_beta is not None and abs(self.near_beta - self.beta) <= NEAR
        return {
            "momentum": near,
            "clipping": r.clipping.present,
            "schedule": r.schedule.present,
            "adaptation": r.adaptation.present,
        }


def find(name: str, run_interventions: bool) -> Finding:
    """Measure one entry."""
    run = zoo.find_run(name)
    task = run.config.task
    context = Context(run.optimizer(), make_task(task))
    path = run.path / ABLATIONS_FILE
    if run_interventions and not path.exists():
        write_json(path, ablate(context, FEW if context.large else PROBLEMS))
    ablations = read_json(path, Ablations) if path.exists() else None
    beta = read_search_result(zoo.TUNED_ROOT, task, "momentum").hyperparameters["momentum"]
    return Finding(name, run.config.seed, report_of(name, context), beta, ablations)


def _n(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}g}"


def _yes(holds: bool, text: str) -> str:
    return f"{'yes' if holds else 'no'}: {text}"


def _row(f: Finding) -> str:
    r, holds = f.report, f.claims
    state = r.clipping.fixed_point or r.clipping.start
    half = state.nearest
    share = "" if state.share_beyond is None else f", {100 * state.share_beyond:.3g} % beyond"
    cells = [
        f"`{f.name}`",
        _yes(holds["momentum"], f"slowest {_n(f.slow_mode, 4)}, nearest {_n(f.near_beta, 4)}"),
        _yes(holds["clipping"], f"half-slope at {_n(half)}{share}"),
        _yes(
            holds["schedule"],
            f"{_n(r.schedule.start)} → {_n(r.schedule.peak)} (step {r.schedule.peak_step}) → {_n(r.schedule.end)}",
        ),
        _yes(
            holds["adaptation"],
            f"{_n(r.adaptation.rate_at_zero)} → {_n(r.adaptation.rate_at_typical)}, exponent {_n(r.adaptation.exponent, 2)}, {len(r.adaptation.folds)} folds",
        ),
    ]
    return f"| {' | '.join(cells)} |"


def _ablations_row(f: Finding, names: Sequence[str]) -> str:
    assert f.ablations is not None
    by_name = {ablation.name: ablation for ablation in f.ablations.ablations}
    whole = by_name["whole"].median
    cells = [f"`{f.name}`", _n(whole)]
    for name in names:
        ablation = by_name.get(name)
        if ablation is None:
            cells.append("–")
        elif ablation.median is None or whole is None:
            cells.append(f"{ablation.diverged} of {f.ablations.problems} diverge")
        else:
            diverged = f" ({ablation.diverged} diverge)" if ablation.diverged else ""
            cells.append(f"× {_n(ablation.median / whole)}{diverged}")
    return f"| {' | '.join(cells)} |"


def _table(heading: Sequence[str], rows: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(heading)} |", "|" + "---|" * len(heading), *rows, ""]


def _sentences(findings: Sequence[Finding]) -> list[str]:
    """The table of a task in words."""
    sentences = []
    words = {
        "momentum": f"a mode within {NEAR} of the tuned momentum's β = {findings[0].beta:.4g}",
        "clipping": "a saturating update function",
        "schedule": "a learning-rate schedule in the autonomous dynamics",
        "adaptation": "an effective learning rate that falls along the S-curve",
    }
    for name, text in words.items():
        without = [f"`{f.name}`" for f in findings if not f.claims[name]]
        count = len(findings) - len(without)
        sentences.append(
            f"- {count} of {len(findings)} have {text}" + (f"; not {', '.join(without)}." if without else ".")
        )
    folded = [f"`{f.name}`" for f in findings if f.report.adaptation.folds]
    if folded:
        sentences.append(
            f"- The S-curve in the paper's figure is smooth. Those of {', '.join(folded)} fold back, with unstable stretches between."
        )
    rising = [
        f
        for f in findings
        if (f.report.schedule.start or 0) > 0 and f.report.schedule.peak_step > 0 and f.claims["schedule"]
    ]
    if rising:
        steps = ", ".join(f"`{f.name}` {f.report.schedule.peak_step}" for f in rising)
        sentences.append(
            f"- The paper's schedule rises for about 25 steps on linear regression, then falls. Here it is largest at these steps: {steps}. The others fall from the start."
        )
    return sentences


def _ablation_sentences(findings: Sequence[Finding], names: Sequence[str]) -> list[str]:
    sentences = []
    for name in names:
        ratios = []
        for f in findings:
            assert f.ablations is not None
            by_name = {ablation.name: ablation for ablation in f.ablations.ablations}
            ablation, whole = by_name.get(name), by_name["whole"].median
            if ablation is not None and ablation.median is not None and whole:
                ratios.append(ablation.median / whole)
        lost = sum(
            any(ablation.name == name and ablation.median is None for ablation in f.ablations.ablations)
            for f in findings
            if f.ablations
        )
        if ratios:
            sentences.append(
                f"- {TITLES[name].capitalize()}: between {min(ratios):.3g} and {max(ratios):.3g} times the meta-loss"
                + (f", and {lost} diverge on half of the problems or more." if lost else ".")
            )
        elif lost:
            sentences.append(f"- {TITLES[name].capitalize()}: all {lost} diverge on half of the problems or more.")
    return sentences


def page(findings: Sequence[Finding]) -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    heading = [
        "optimizer",
        "a mode near β",
        "saturation at h*",
        "schedule at g = 0",
        "rate along the S-curve: at 0 → at the typical gradient",
    ]
    for task, cls in TASKS.items():
        own = [f for f in findings if f.report.task == task]
        if not own:
            continue
        parts += [f"## {cls.title}", "", *_table(heading, [_row(f) for f in own]), *_sentences(own), ""]
        ablated = [f for f in own if f.ablations is not None]
        if ablated:
            names = [name for name in TITLES if name != "whole"]
            problems = " / ".join(sorted({str(f.ablations.problems) for f in ablated if f.ablations}))
            parts += [
                f"The table gives the median meta-loss over {problems} held-out problems with one mechanism switched off, as a multiple of the unmodified optimizer's:",
                "",
            ]
            parts += _table(
                ["optimizer", "unmodified", *(TITLES[name] for name in names)],
                [_ablations_row(f, names) for f in ablated],
            )
            parts += [*_ablation_sentences(ablated, names), ""]
    return "\n".join(parts)


def main() -> None:
    """Measure every shipped optimizer and write the page."""
    parser = argparse.ArgumentParser(prog="tools.findings", description=__doc__)
    parser.add_argument("--interventions", action="store_true", help="run the ablations that are not stored yet")
    options = parser.parse_args()
    torch.set_num_threads(1)
    findings = []
    for entry in tqdm(zoo.entries(), unit="optimizer"):
        try:
            findings.append(find(entry.name, options.interventions))
        except InputError as error:
            raise SystemExit(f"{entry.name}: {error}") from None
    write_bytes(PAGE, page(findings).encode())


if __name__ == "__main__":
    main()
