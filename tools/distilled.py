"""The answer to the paper's question, as a section of docs/findings.md: how much of the advantage known techniques explain."""

from core.distil.result import Distillation
from core.distil.store import find_distillation
from core.distil.tables import (
    alike,
    conclusion,
    explains,
    factor,
    idle_in,
    largest_gain,
    loss,
    percent,
    rest_of,
    shorter,
    title_of,
    tuned_title,
)
from core.evaluation.outcome import compared
from core.optimizers.formula import FOUR, MECHANISMS
from core.runs import zoo
from core.tasks import TASKS

BEGIN, END = "<!-- formula -->", "<!-- /formula -->"
GOAL = 0.7  # share from which a formula counts as explaining most of an advantage


def shipped() -> list[Distillation]:
    """The distillations that are stored with shipped optimizers."""
    runs = [zoo.find_run(entry.name) for entry in zoo.entries()]
    return [found for run in runs if (found := find_distillation(run)) is not None]


def section(results: list[Distillation]) -> list[str]:
    """The section, between its marks; only the marks without results."""
    if not results:
        return [BEGIN, END, ""]
    parts = [
        BEGIN,
        "## Known techniques, or something new?",
        "",
        answer(results),
        "",
        (
            "Each rung adds one mechanism; the share is of the advantage over the best tuned hand-designed optimizer, the mean of the outer seeds and "
            "that of the seed with the lowest loss on training problems ([how](distil.md))."
        ),
        "",
    ]
    for result in results:
        parts += [
            f"| `{result.run}` | numbers | meta-loss | share (95 %) | of the best seed | R² of imitation |",
            "|---|---|---|---|---|---|",
            f"| {tuned_title(result)} | | {_plain(result.best_tuned.meta_loss.mean)} | 0 % | | |",
            *(
                f"| {title_of(rung)} | {rung.numbers} | {loss(rung)} | {percent(rung.share)} | {'–' if rung.chosen is None else percent(rung.chosen)} | {_short(rung.r2)} |"
                for rung in result.rungs
            ),
            f"| learned | | {_plain(result.learned.meta_loss.mean)} | 100 % | | |",
            "",
            _details(result),
            "",
        ]
    return [*parts, END, ""]


def answer(results: list[Distillation]) -> str:
    """The paragraph."""
    sentences = [
        (
            '"Has it learned a sophisticated combination of existing optimization techniques, or is it implementing completely new behavior?" asks the '
            "paper. Measured here by replacing learned optimizers with formulas of known mechanisms:"
        )
    ]
    unknown = [result for result in results if not explains(result.best.share)]
    told = [result for result in results if explains(result.best.share)]
    for result in told:
        four, best = result.longest(FOUR), result.best
        nothing = f" ({idle_in(four)})" if idle_in(four) else ""
        text = f"on {TASKS[result.task].title}, {four.numbers} numbers and the four mechanisms{nothing} keep {percent(four.share)} of the advantage of `{result.run}`"
        if best.mechanisms != four.mechanisms:
            text += f", and the best formula, with {best.numbers} numbers, {percent(best.share)}"
        if best.chosen is not None:
            text += f", of its best seed by training loss {percent(best.chosen)}"
        sentences.append(text + _beyond(result) + ";")
    shares = [result.best.share.mean for result in told]
    known = [share for share in shares if share is not None]
    most = sum(share >= GOAL for share in known)
    rest = "; ".join(f"the rest on {TASKS[one.task].title}, {text}" for one in told if (text := rest_of(one)))
    much = (
        "most of it"
        if known and min(known) >= 0.5
        else f"most of it on {most} of {len(told)} tasks"
        if most
        else "a part of it"
    )
    if told:
        left = f", and {rest}" if rest else ""
        sentences.append(f"so known techniques explain {much} ({most} of {len(told)} reach {100 * GOAL:.0f} %){left}.")
    sentences += [f"On {TASKS[one.task].title}: {conclusion(one, f'`{one.run}`')}" for one in unknown]
    return " ".join([*sentences, *_agreement(results)])


def _agreement(results: list[Distillation]) -> list[str]:
    """In which of the learned optimizers agreement was found by its own instrument."""
    known = {result.run: result.verdicts["agreement"] for result in results if "agreement" in result.verdicts}
    said = {"shown": "shown in", "not_shown": "not shown in", "unknown": "cannot be told in"}
    parts = [
        f"{text} {', '.join(f'`{run}`' for run, verdict in known.items() if verdict == key)}"
        for key, text in said.items()
        if key in known.values()
    ]
    return (
        [f"Agreement, which the paper does not name, is measured by an instrument of its own: {'; '.join(parts)}."]
        if parts
        else []
    )


def _beyond(result: Distillation) -> str:
    """Which part above the four mechanisms adds most to the share, if one does, and what shorter training keeps, if that was done."""
    parts = []
    if short := shorter(result):
        shared = ", from the numbers of the ladder's best seed, too" if result.seeds_share_a_start else ""
        parts.append(
            f"after {result.longer_budget:,} outer steps{shared}; after the {result.budget:,} of the ladder {short}"
        )
    if (pair := largest_gain(result)) is not None:
        lower, upper = pair
        name = MECHANISMS[upper.mechanisms[-1]].lower()
        most = "adds most" if alike(result, pair) else "adds most on average, but not with every outer seed"
        parts.append(
            f"{'there, ' if parts else ''}above the four, in the ladder's order, {name} {most}: from {percent(lower.share)} to {percent(upper.share)}, "
            f"with {upper.numbers} numbers"
        )
    return f" ({'; '.join(parts)})" if parts else ""


def _details(result: Distillation) -> str:
    known = {name: one.mean for name, one in result.contributions.items() if one.mean is not None}
    parts = [f"{MECHANISMS[name].lower()} {value:.3g}" for name, value in known.items()]
    steps = result.disagreement["step"]
    worst = max(range(len(steps.error)), key=lambda i: steps.error[i])
    where = "steps {} to {}".format(*steps.whole(worst))
    imitated, read = result.imitated.meta_loss.mean, result.read.meta_loss.mean
    return (
        f"Averaged over all orders, each of the four divides the meta-loss by: {', '.join(parts)}. Without outer training the four mechanisms reach "
        f"{_plain(read)} read off the instruments and {_plain(imitated)} by imitation (R² {_short(result.imitated.r2)}). The trained formula is off "
        f"by {100 * sum(steps.error):.0f} % of Σ u² on the learned optimizer's own gradients, most at {where} ({100 * steps.error[worst] / sum(steps.error):.0f} % of that). "
        f"{_ablations(result)}{_skipped(result)}{_shifts(result)}"
    )


def _skipped(result: Distillation) -> str:
    """Rungs whose training skipped steps: what they reach is what could be trained."""
    known = [f"{title_of(rung).lower()} ({rung.skipped:,})" for rung in result.rungs if rung.skipped]
    return f"Outer steps that were skipped since their gradient was not finite: {', '.join(known)}. " if known else ""


def _ablations(result: Distillation) -> str:
    """What the best formula loses without each of its mechanisms."""
    known = [f"{MECHANISMS[name].lower()} {factor(one)}" for name, one in result.best.ablations.items()]
    return (
        f"Without one of its mechanisms, the best formula's meta-loss is multiplied by: {', '.join(known)}. "
        if known
        else ""
    )


def _shifts(result: Distillation) -> str:
    """Out of distribution: whether the formula keeps the learned optimizer's failures."""

    shifted = [shift for shift in result.shifts if shift.group != "trained"]
    both = [
        tuple(compared(ours, shift.best_tuned) == "worse" for ours in (shift.learned, shift.formula))
        for shift in shifted
    ]
    kept, lost, new = (sum(pair == kind for pair in both) for kind in ((True, True), (True, False), (False, True)))
    return (
        f"Of {len(both)} conditions out of distribution, the learned optimizer is above the tuned one that is best there in {kept + lost}, by more than "
        f"both standard errors; the formula keeps {kept} of these failures, loses {lost} and adds {new}."
    )


def _plain(value: float | None) -> str:
    return "diverges" if value is None else f"{value:.4f}" if value < 1 else f"{value:.3g}"


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
