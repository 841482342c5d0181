"""The sentences of the Distil page; every number comes from the stored result."""

from app.pages.distil.figures import LOWEST, MOST, cut_off
from app.shared.catalog import called
from app.shared.numbers import counted, number, plus_minus
from core.distil.result import Distillation, Rung
from core.distil.tables import conclusion, grows, keeps, lighter
from core.mechanisms.wording import listed
from core.optimizers.formula import FOUR, MECHANISMS

UNMEASURED = ("adaptive_memory",)  # mechanisms of formulas for which there is no instrument


def ladder(result: Distillation) -> list[str]:
    """Under the ladder."""
    how = f"{result.budget:,} outer steps, {counted(len(result.seeds), 'outer seed')}{lighter(result)}"
    bars = f"Bars are means, lines 95 % bootstrap intervals over {result.problems} held-out problems and over seeds."
    if any(cut_off(rung.share) for rung in result.rungs):
        bars += f" What lies below {100 * LOWEST:.0f} % is cut off at the axis and marked ◂.".replace("-", "−")
    rungs = "Each formula" if not result.longer else f"Each of the first {len(result.ladder)} formulas"
    parts = [f"{rungs} has the mechanisms above it and one more; all were trained alike: {how}."]
    if result.longer_budget:
        shared = "; all their seeds start from the numbers of the ladder's best one, too, and are not independent"
        parts.append(
            f"The last {counted(len(result.longer), 'bar')}: the formula with the four mechanisms and the one with all, trained for "
            f"{result.longer_budget:,} outer steps{shared if result.seeds_share_a_start else ''}."
        )
    return [" ".join([*parts, bars]), conclusion(result, called(result.task, result.run))]


def contributions(result: Distillation, rung: Rung) -> list[str]:
    """Under the contributions."""
    known = {name: one.mean for name, one in result.contributions.items() if one.mean is not None}
    texts = ["Some formula diverges on a held-out problem, so that the contributions are not known."]
    if known:
        most = max(known, key=lambda name: known[name])
        texts = [
            "Filled: Shapley values over all 16 subsets of the four mechanisms, so that the order in which they are added does not matter.",
            f"{MECHANISMS[most]} contributes most: averaged over all orders, it divides the meta-loss by {number(known[most])}.",
        ]
    if rung.ablations:
        texts[0] += (
            " Open: the formula shown with that mechanism switched off and its other numbers as they are, as the factor by which the meta-loss "
            f"grows (a schedule is held at its means; factors above {MOST:g} and what diverges stand at the edge, ▸)."
        )
    return texts


def formula(result: Distillation, rung: Rung) -> list[str]:
    """Under the formula."""
    return [
        (
            f"{counted(rung.numbers, 'number')}, from outer seed {rung.formula.seed}; beside each one its range over outer seeds. "
            f"Held-out meta-loss over seeds: {plus_minus(rung.meta_loss.mean, rung.meta_loss.sem)}; it {keeps(rung.share, 'of the advantage')}."
            + (
                f" This one, chosen by its loss on training problems, {keeps(rung.chosen, 'of the advantage')}."
                if rung.chosen is not None
                else ""
            )
        ),
        "Move a slider to see what a number does. Point at a number, here or in the equations, to see where it acts.",
    ]


def fits(result: Distillation) -> list[str]:
    """How the three ways of finding a formula's numbers compare."""
    read, imitated = result.read, result.imitated
    four = result.longest(FOUR)

    def score(mean: float | None, sem: float | None, diverged: int) -> str:
        return f"diverges on {counted(diverged, 'problem')}" if mean is None else f"reaches {plus_minus(mean, sem)}"

    texts = [
        (
            "The four mechanisms, three ways. "
            f"Read off the instruments without any training, the formula {score(read.meta_loss.mean, read.meta_loss.sem, read.diverged)}. "
            f"Fitted to the updates of the learned optimizer it explains {percent_of(imitated.r2)} of them and "
            f"{score(imitated.meta_loss.mean, imitated.meta_loss.sem, imitated.diverged)}. "
            f"Trained on the task itself for {four.budget or result.budget:,} outer steps it reaches {plus_minus(four.meta_loss.mean, four.meta_loss.sem)}."
        ),
    ]
    if read.unread:
        texts.append("Not readable: " + "; ".join(f"{name} ({why})" for name, why in read.unread.items()) + ".")
    known = [one for one in result.ladder if one.r2 is not None]
    steps = [f"{percent_of(one.r2)} with {MECHANISMS[one.mechanisms[-1]].lower()}" for one in known]
    texts.append(f"Updates explained by imitation (R²), rung by rung: {listed(steps)}.")
    return texts


def percent_of(value: float | None) -> str:
    """A share in per cent."""
    return "an unknown share" if value is None else f"{100 * value:.0f} %"


def disagreement(result: Distillation) -> list[str]:
    """Under the disagreement."""
    steps = result.disagreement["step"]
    total = sum(steps.error)
    worst = max(range(len(steps.error)), key=lambda i: steps.error[i])
    low, high = steps.whole(worst)
    more = ", more than without any update" if total > 1 else ""
    return [
        (
            "On the learned optimizer's own gradients: the formula of the best rung, trained for its loss and not for agreement, beside where the "
            "learned optimizer's updates are."
        ),
        (
            f"In all, its error is {percent_of(total)} of Σ u²{more}. The largest part of it, {percent_of(steps.error[worst] / total if total else None)}, sits at "
            f"inner steps {low} to {high}."
        ),
    ]


def _denied(verdict: str) -> str:
    """What instruments do that do not show a mechanism."""
    return "do not show it" if verdict == "not_shown" else "cannot tell whether it is there"


def _agreement(result: Distillation) -> list[str]:
    """Agreement is none of the four, so that there is no contribution over all orders: the formula shown has it or not."""
    has, verdict = "agreement" in result.best.mechanisms, result.verdicts.get("agreement", "unknown")
    if has and verdict == "shown":
        return [
            "The best formula has agreement, which is none of the paper's four; the instruments show it in the learned optimizer, too."
        ]
    if has:
        return [f"The best formula has agreement; the instruments {_denied(verdict)} in the learned optimizer."]
    return ["The learned optimizer shows agreement; the best formula does without."] if verdict == "shown" else []


def _of_one(result: Distillation, name: str) -> str:
    """What formulas and instruments say of one of the four mechanisms, where they differ; "" where they do not, or where it is not known."""
    title, shown = MECHANISMS[name].lower(), result.verdicts.get(name, "unknown") == "shown"
    if name not in result.best.mechanisms:
        return f"The learned optimizer shows {title}; the best formula does without." if shown else ""
    one = result.best.ablations.get(name)
    if one is None:
        return _on_average(result, name)
    nothing = name in result.best.idle
    needed = one.low is None or (one.low > 1 and not nothing)
    if needed == shown:
        return ""
    if not shown:
        return f"The best formula needs {title} ({grows(one)}); the instruments {_denied(result.verdicts.get(name, 'unknown'))} in the learned optimizer."
    better = one.high is not None and one.high < 1
    how = "it does nothing" if nothing else "it does harm" if better else "what it does is within the error"
    return f"The learned optimizer shows {title}; in the best formula {how} ({grows(one)})."


def _on_average(result: Distillation, name: str) -> str:
    """The same from what formulas gain over all orders, for results of an earlier version; "" where that is not known."""
    title, verdict, gain = MECHANISMS[name].lower(), result.verdicts.get(name, "unknown"), result.contributions[name]
    if gain.low is None or (gain.low > 1) == (verdict == "shown"):
        return ""
    if verdict == "shown":
        return f"The learned optimizer shows {title}; averaged over all orders, what formulas gain by it is within the error."
    return f"Averaged over all orders, formulas gain by {title}; the instruments {_denied(verdict)} in the learned optimizer."


def both_ways(result: Distillation) -> list[str]:
    """Mechanisms that one side has and the other does not."""
    texts = [text for name in FOUR if (text := _of_one(result, name))]
    texts += _agreement(result)
    texts += [
        f"The best formula has {MECHANISMS[name].lower()}; no instrument measures it in the learned optimizer."
        for name in result.best.mechanisms
        if name in UNMEASURED
    ]
    return texts or ["Nothing is known that only the best formula, or only the learned optimizer, has."]
