"""Write docs/findings.md from the shipped optimizers: ``.venv/bin/python -m tools.findings [--measure | --formulas]``.

It says which mechanisms each of them shows, with its controls, and what the closed loop says of it. ``--measure`` measures the untrained
optimizers and runs the ablations that are missing, and stores them in the zoo (half an hour of one core for all). ``--formulas`` only writes
the section on formulas again, from the stored distillations.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from scipy.stats import binomtest
from tqdm import tqdm

from core.analysis.closed_loop import convergence_rates, loss_floor
from core.analysis.curvature import SMALL, hessians
from core.analysis.interventions import Repaired
from core.distil.ladder import verdicts_of
from core.distil.store import find_distillation, write_distillation
from core.errors import InputError
from core.evaluation.held_out import loss_curves
from core.evaluation.out_of_distribution import Generalization
from core.files.atomic import read_json, write_bytes, write_json
from core.mechanisms.ablation import ABLATIONS_FILE, SWITCHED_OFF, TITLES, Ablations, Ratio, ablate
from core.mechanisms.claims import Claim
from core.mechanisms.closed_loop import loop_report
from core.mechanisms.context import Context
from core.mechanisms.measures import MEASURES
from core.mechanisms.null import measure_null, read_null, write_null
from core.mechanisms.report import Report, report_of
from core.mechanisms.wording import SAYS, number
from core.runs import zoo
from core.runs.config import RunConfig
from core.runs.run import Run
from core.seeds import Purpose, generator
from core.tasks import TASKS, other_problems
from tools.distilled import BEGIN, END, section, shipped

PAGE = Path(__file__).resolve().parent.parent / "docs" / "findings.md"
LENGTHS = (200, 2000)  # inner steps after which losses are compared with the floor
PROBLEMS = 128
NAMED = 3  # optimizers at most that a sentence names; the table above it has them all

INTRODUCTION = """# What the shipped optimizers do

Maheswaranathan et al. (arXiv 2011.02159) found four mechanisms in learned optimizers: momentum, gradient clipping, a learning-rate schedule
and learning-rate adaptation. Do the optimizers that ship here, which were trained from scratch, have them too?

A mechanism is *shown* where its number lies outside the 2.5th to 97.5th percentile of untrained optimizers of the same architecture, is of a size that
counts, and where switching the mechanism off changes the meta-loss on held-out problems beyond its 95 % interval
([what each number is](mechanisms.md)). *Not shown* is not *absent*: where untrained optimizers span nearly the whole range of a number, as with
clipping on Rosenbrock and two moons, none can stand out. Behind how many of some outer seeds show one stands the exact 95 % interval (Clopper and Pearson
1934) of the share among all seeds with which it could be trained. `loptscope analyze` measured everything below, and
`python -m tools.findings` wrote this page; no number is typed by hand.
"""
CLAIMED = {
    "momentum": "Paper: slow modes near the fixed point act as momentum.",
    "clipping": "Paper: the update function saturates where gradients are large.",
    "schedule": "Paper: the autonomous dynamics carry a learning-rate schedule.",
    "adaptation": "Paper: the effective learning rate falls along the curve of fixed points, as RMSProp's does.",
}


@dataclass(frozen=True)
class Floor:
    """Losses far on, over the first ones: the median over problems.

    Attributes:
        steps: after how many.
        measured: of the optimizer as it is.
        predicted: of the closed loop at rest, over the same first losses; None where the Hessian is not known.
        repaired: of the repaired optimizer.
    """

    steps: int
    measured: float
    predicted: float | None
    repaired: float


@dataclass(frozen=True)
class Finding:
    """One shipped optimizer, measured.

    Attributes:
        name: of the zoo entry.
        config: of its training.
        report: every mechanism and the closed loop.
        ablations: its ablations, if they were run.
        floors: its losses far on; none where that takes too long.
        shifted: curvatures of other problems: name, the worst factor a step over them, meta-loss measured there (None: it diverges).
    """

    name: str
    config: RunConfig
    report: Report
    ablations: Ablations | None
    floors: tuple[Floor, ...] = ()
    shifted: tuple[tuple[str, float, float | None], ...] = ()

    def claim(self, name: str) -> Claim:
        """What is claimed of a mechanism."""
        found = getattr(self.report, name)
        assert isinstance(found, Claim)
        return found


def find(name: str, measure: bool, floors: bool = True) -> Finding:
    """Measure one entry.

    Args:
        name: of the entry.
        measure: whether to measure untrained optimizers and run ablations that are missing, and keep them.
        floors: whether to run it on, as it is and repaired.
    """
    run = zoo.find_run(name)
    task = run.config.make_task()
    context = Context(run.optimizer(), task)
    null, path = read_null(zoo.NULLS_ROOT, run.config.architecture, task), run.path / ABLATIONS_FILE
    if measure and (null is None or not null.complete):
        null = measure_null(run.config.architecture, task, known=null)
        write_null(zoo.NULLS_ROOT, null, task)
    kept = read_json(path, Ablations) if path.exists() else None
    if measure and (kept is None or kept.ablations[0].ratio is None):
        kept = ablate(context)
        write_json(path, kept)
    report = report_of(name, context, kept, null=null, trained=True)
    distilled = find_distillation(run) if measure else None
    if distilled is not None and distilled.verdicts != verdicts_of(report):
        write_distillation(run, distilled.model_copy(update={"verdicts": verdicts_of(report)}), with_run=True)
    return Finding(name, run.config, report, kept, floors_of(context) if floors else (), _shifted(run, context))


def floors_of(context: Context) -> tuple[Floor, ...]:
    """Losses after some steps, as it is and repaired, beside what the closed loop at rest predicts."""
    if context.large or context.loop_rest is None or not context.loop_rest.converged:
        return ()
    problems = context.task.sample(PROBLEMS, generator(Purpose.EVALUATE, 0), torch.float64)
    repaired = Repaired(context.double, context.loop_rest.gradient)
    curves = [loss_curves(one, problems, LENGTHS[-1]) for one in (context.double, repaired)]
    as_is, without = (curve / curve[0] for curve in curves)
    predicted = predicted_floor(context, curves[0][0])
    return tuple(
        Floor(
            steps,
            float(as_is[steps].median()),
            predicted if steps == LENGTHS[-1] else None,
            float(without[steps].median()),
        )
        for steps in LENGTHS
    )


def predicted_floor(context: Context, first: torch.Tensor) -> float | None:
    """½ g*² 1ᵀA⁻¹1 over the first losses of the same problems [problems], the median; None where the loop does not come to rest."""
    if loop_report(context).loss_floor is None:
        return None
    if context.dimension > SMALL or context.loop_rest is None or context.task.name != "linear_regression":
        return None
    problems = context.task.sample(PROBLEMS, generator(Purpose.EVALUATE, 0), torch.float64)
    return float((loss_floor(context.loop_rest.gradient, hessians(problems, problems.x0)) / first).median())


def _shifted(run: Run, context: Context) -> tuple[tuple[str, float, float | None], ...]:
    """What the closed loop predicts for other curvatures, and what was measured on them."""
    path = run.path / "out_of_distribution.json"
    if run.config.task != "linear_regression" or context.loop_rest is None or not path.exists():
        return ()
    own = run.config.make_task().model_dump()
    measured = {one.name: one.evaluation for one in read_json(path, Generalization).conditions}
    rows = []
    for variant in other_problems(run.config.task):
        if variant.difference != "conditioning" or variant.name not in measured:
            continue
        ends = {**own, **variant.parameters}
        low, high = float(ends["smallest_eigenvalue"]), float(ends["largest_eigenvalue"])
        curvatures = torch.logspace(
            torch.tensor(low).log10().item(), torch.tensor(high).log10().item(), 60, dtype=torch.float64
        )
        worst = float(convergence_rates(context.double, context.loop_rest, curvatures).max())
        rows.append((variant.name, worst, measured[variant.name].optimizers["learned"].meta_loss.mean))
    return tuple(rows)


def _n(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else number(value, digits)


def _claim(claim: Claim) -> str:
    value = "" if claim.value is None else f" {claim.value:.2f}"
    null = "" if claim.null is None else f" (untrained {claim.null.low:.2f} to {claim.null.high:.2f})"
    return f"{SAYS[claim.verdict]}:{value}{null}" if value else f"{SAYS[claim.verdict]}: {claim.reason}"


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return "–"
    if ratio.median is None:
        return "diverges"
    return f"× {_n(ratio.median)} ({_n(ratio.low)} to {'∞' if ratio.high is None else _n(ratio.high)})"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(heading)} |", "|" + "---|" * len(heading), *lines, ""]


def _count(findings: Sequence[Finding], name: str) -> int:
    return sum(f.claim(name).verdict == "shown" for f in findings)


def _shown(findings: Sequence[Finding], name: str) -> str:
    """How many of some findings show a mechanism: k of n."""
    return f"{_count(findings, name)} of {len(findings)}"


def _interval(findings: Sequence[Finding], name: str) -> str:
    """The exact 95 % interval of the share of outer seeds that show a mechanism, in per cent."""
    return _share(_count(findings, name), len(findings))


def _share(count: int, of: int) -> str:
    """The exact 95 % interval of a share, in per cent."""
    found = binomtest(count, of).proportion_ci(0.95, method="exact")
    return f"{100 * found.low:.0f} to {100 * found.high:.0f} %"


def _outer_seeds(findings: Sequence[Finding]) -> list[Finding]:
    """The first one, and those that differ from it in the outer seed alone."""
    first, *others = findings
    return [first, *(f for f in others if first.config.differs_in_seed_alone(f.config))]


def _sentences(findings: Sequence[Finding]) -> list[str]:
    """The table of a task in words: what the paper claims, and what shows here."""
    sentences = []
    seeds = _outer_seeds(findings)
    for name, text in CLAIMED.items():
        claims = [f.claim(name) for f in findings]
        if len(seeds) == 1:
            parts = [f"{text} Here {_shown(findings, name)} show it."]
        else:
            of_seeds = f"Of `{seeds[0].name}` trained from {len(seeds)} outer seeds, **{_shown(seeds, name)}** show it ({_interval(seeds, name)})."
            parts = [f"{text} {of_seeds}"]
            if len(seeds) < len(findings):
                parts.append(f"Of all shipped, {_shown(findings, name)}.")
        for reason in dict.fromkeys(claim.reason for claim in claims if claim.verdict != "shown"):
            whose = [f"`{f.name}`" for f, claim in zip(findings, claims, strict=True) if claim.reason == reason]
            parts.append(f"{', '.join(whose) if len(whose) <= NAMED else f'{len(whose)} of them'}: {reason}.")
        sentences.append("- " + " ".join(parts))
    sentences.append(_agreement(findings))
    rising = [
        f for f in findings if f.claim("adaptation").verdict == "shown" and (f.claim("adaptation").value or 0) > 0
    ]
    if rising:
        pairs = ", ".join(
            f"`{f.name}` {_n(f.report.adaptation.rate_at_zero)} → {_n(f.report.adaptation.rate_at_typical)}"
            for f in rising
        )
        sentences.append(
            f"- Where the learning rate adapts it **rises** with the size of the gradients, against the paper's and RMSProp's direction: {pairs}. "
            "What falls with the gradient is the local slope, that is, saturation."
        )
    return sentences


def _agreement(findings: Sequence[Finding]) -> str:
    """How many show agreement, which the paper does not have, and how large it is."""
    seeds = _outer_seeds(findings)
    of = {f.name: f.report.adaptation.agreement for f in findings}
    said = f"`{seeds[0].name}`" if len(seeds) == 1 else f"`{seeds[0].name}` trained from {len(seeds)} outer seeds"
    count = sum(bool(of[f.name].shown) for f in seeds)
    text = (
        f"- Not in the paper: **agreement**. Fed gradients of the same sizes, the learning rate is another one where they agree in sign than where they "
        f"alternate. Of {said}, **{count} of {len(seeds)}** show it ({_share(count, len(seeds))}). "
        f"Of all shipped, {sum(bool(one.shown) for one in of.values())} of {len(findings)}. "
    )
    for f in seeds:
        one = of[f.name]
        times = "" if one.factor is None else f", {_n(one.factor, 2)} times as high"
        text += f"`{f.name}`: {_n(one.value, 2)} ({_n(one.low, 2)} to {_n(one.high, 2)}){times}; "
    null = of[seeds[0].name].null
    untrained = "" if null is None else f"untrained {_n(null.low, 2)} to {_n(null.high, 2)}; "
    return f"{text}{untrained}momentum, RMSProp and Adam have exactly 0."


def _loop_row(f: Finding) -> list[str]:
    loop = f.report.closed_loop
    if loop.reason:
        return [f"`{f.name}`", loop.reason, *["–"] * 5]
    converges = any(rate is not None and rate < 1 for rate in loop.rates)
    stable = _n(loop.stable_to, 4) if loop.stable_to is not None else "beyond" if converges else "nowhere"
    bias = "0" if not loop.rest_gradient else _n(loop.rest_gradient)
    rates = [_n(value, 4) for value in (loop.worst_rate, loop.mean_rate, loop.heavy_ball)]
    return [f"`{f.name}`", *rates, stable, bias, _n(loop.loss_floor)]


def _floor_rows(f: Finding) -> list[list[str]]:
    return [
        [f"`{f.name}`", f"{floor.steps:,}", _n(floor.measured), _n(floor.predicted), _n(floor.repaired)]
        for floor in f.floors
    ]


def _of_task(own: Sequence[Finding]) -> list[str]:
    """Everything about the optimizers of one task."""
    parts = _table(
        ["optimizer", *(name.replace("_", " ") for name in MEASURES)],
        [[f"`{f.name}`", *(_claim(f.claim(name)) for name in MEASURES)] for f in own],
    )
    parts += [*_sentences(own), ""]
    ablated = [f for f in own if f.ablations is not None]
    if ablated:
        problems = " / ".join(sorted({str(f.ablations.problems) for f in ablated if f.ablations}))
        parts += [
            f"With one mechanism switched off, the meta-loss on {problems} held-out problems over the unmodified one, the median of the ratios with its 95 % interval over problems:",
            "",
        ]
        run = {one.name for f in own for one in (f.ablations.ablations if f.ablations else ())}
        names = [name for name in TITLES if name != "whole" and name in run]
        rows = []
        for f in ablated:
            assert f.ablations is not None
            found = {one.name: one.ratio for one in f.ablations.ablations}
            rows.append([f"`{f.name}`", *(_ratio(found.get(name)) for name in names)])
        parts += _table(["optimizer", *(TITLES[name] for name in names)], rows)
        off = ", ".join(
            f"{name.replace('_', ' ')}: {' and '.join(TITLES[one] for one in variants)}"
            for name, variants in SWITCHED_OFF.items()
            if run.issuperset(variants)
        )
        parts += [f"What switches a mechanism off: {off}.", ""]
    parts += [
        "The closed loop, optimizer and quadratic together: the factor by which the distance to the minimum shrinks with a step near the end, at the worst of the task's curvatures and on average, beside what the best momentum can have; up to which curvature it converges; the gradient at which it rests, its bias, and the loss at which that makes it go flat.",
        "",
    ]
    heading = [
        "optimizer",
        "worst factor",
        "mean factor",
        "best momentum",
        "stable up to",
        "rests at gradient",
        "loss floor",
    ]
    parts += _table(heading, [_loop_row(f) for f in own])
    rows = [row for f in own for row in _floor_rows(f)]
    if rows:
        parts += [
            f"The repaired optimizer is fed the gradient plus that bias. It helps where the loop converges at the task's curvatures; where it does not, the optimizer does not come to rest and there is no floor to predict. Loss over the first one, median of {PROBLEMS} held-out problems:",
            "",
            *_table(["optimizer", "step", "as it is", "predicted floor", "repaired"], rows),
        ]
    shifted = [(f.name, row) for f in own for row in f.shifted]
    if shifted:
        parts += [
            "What the closed loop predicts for other curvatures, and the meta-loss measured there (held-out, mean):",
            "",
        ]
        rows = [
            [
                f"`{name}`",
                condition,
                _n(worst, 4),
                "converges" if worst < 1 else "does not converge",
                "diverges" if mean is None else _n(mean),
            ]
            for name, (condition, worst, mean) in shifted
        ]
        parts += _table(["optimizer", "problems", "worst factor", "predicted", "measured meta-loss"], rows)
    return parts


def page(findings: Sequence[Finding]) -> str:
    """The whole page."""
    parts = [INTRODUCTION, *section(shipped())]
    for task, cls in TASKS.items():
        own = [f for f in findings if f.report.task == task]
        if own:
            parts += [f"## {cls.title}", "", *_of_task(own)]
    return "\n".join(parts)


def main() -> None:
    """Measure every shipped optimizer and write the page."""
    parser = argparse.ArgumentParser(prog="tools.findings", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure what is not stored yet, and store it")
    parser.add_argument("--formulas", action="store_true", help="only write the section on formulas again")
    options = parser.parse_args()
    if options.formulas:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        _, _, tail = rest.partition(END)
        write_bytes(PAGE, (head + "\n".join(section(shipped())).rstrip("\n") + tail).encode())
        return
    torch.set_num_threads(1)
    findings = []
    for entry in tqdm(zoo.entries(), unit="optimizer"):
        try:
            findings.append(find(entry.name, options.measure))
        except InputError as error:
            raise SystemExit(f"{entry.name}: {error}") from None
    write_bytes(PAGE, page(findings).encode())


if __name__ == "__main__":
    main()
