"""A distillation as plain text, for the command line, and in sentences."""

import math
from collections.abc import Iterable
from itertools import pairwise

from core.distil.result import Distillation, Interval, Rung
from core.mechanisms.wording import listed
from core.optimizers.formula import FOUR, MECHANISMS
from core.optimizers.hand_designed import HAND_DESIGNED


def title_of(rung: Rung) -> str:
    """A rung's name: the mechanism that it adds to the one below, or what it has of them if it was trained for longer."""
    if rung.budget is not None:
        return f"{'Four' if len(rung.mechanisms) == len(FOUR) else 'All'} mechanisms, longer"
    if not rung.mechanisms:
        return "Gradient descent"
    name = MECHANISMS[rung.mechanisms[-1]]
    return name if len(rung.mechanisms) == 1 else f"+ {name.lower()}"


def optimizer_title(name: str) -> str:
    """A hand-designed optimizer's title; the name of one that is not known here."""
    return HAND_DESIGNED[name].title if name in HAND_DESIGNED else name


def tuned_title(result: Distillation) -> str:
    """The best tuned optimizer as it is called in text."""
    return f"tuned {optimizer_title(result.best_tuned.name)}"


def percent(share: Interval) -> str:
    """A share in per cent with its interval; very negative ones in plain words."""
    if share.mean is None or share.low is None or share.high is None:
        return "diverges"
    if share.mean < -1:
        return "none: worse than the best tuned one"
    return f"{100 * share.mean:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})".replace("-", "−")


def said(share: Interval) -> str:
    """A share within a sentence."""
    if share.mean is None:
        return "an unknown share (it diverges)"
    return "nothing" if share.mean < -1 else percent(share)


def keeps(share: Interval, of: str) -> str:
    """What a formula keeps of an advantage, as the end of a sentence.

    Args:
        share: of the advantage.
        of: "of the advantage", and of which.
    """
    if share.mean is None:
        return "diverges on a held-out problem"
    return (
        f"keeps nothing {of}: it is worse than the best tuned one"
        if share.mean < -1
        else f"keeps {percent(share)} {of}"
    )


def named(names: Iterable[str]) -> str:
    """Mechanisms in a sentence: "agreement, second momentum and free schedule"."""
    return listed([MECHANISMS[name].lower() for name in names])


MANY = 100  # times: from here on a factor only says that a formula fails


def factor(one: Interval) -> str:
    """A factor of the meta-loss with its interval: "1.20 (1.15 to 1.25)", "over 100", or "diverges"."""
    if one.mean is None or one.low is None or one.high is None:
        return "diverges"
    if one.mean > MANY:
        return f"over {MANY}" if one.low > MANY else f"over {MANY} (from {_digits(one.low)})"
    return f"{_digits(one.mean)} ({_digits(one.low)} to {_digits(one.high)})"


def _digits(value: float) -> str:
    if value >= MANY:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value - 1) < 0.1 else f"{value:#.3g}".rstrip(".")


def grows(one: Interval) -> str:
    """What a formula's meta-loss does without one of its mechanisms, in a sentence."""
    return "it diverges without it" if one.mean is None else f"without it, its meta-loss is multiplied by {factor(one)}"


def idle_in(rung: Rung) -> str:
    """The mechanisms that do nothing in a rung's formula: "in its best seed's, clipping does nothing"; "" if all do something, or it is not known."""
    names = rung.idle
    return f"in its best seed's, {named(names)} {'do' if names[1:] else 'does'} nothing" if names else ""


def lighter(result: Distillation) -> str:
    """On which problems formulas were trained, where those cost less than the held-out ones: ", on problems with 256 points"; else empty."""
    differs = " and ".join(f"{value} {name.replace('_', ' ')}" for name, value in result.trained_on.items())
    return f", on problems with {differs}" if differs else ""


def loss(rung: Rung) -> str:
    """A rung's mean held-out meta-loss with its standard error."""
    mean, sem = rung.meta_loss.mean, rung.meta_loss.sem
    return "diverges" if mean is None or sem is None else f"{mean:.4f} ± {sem:.4f}"


def distillation_table(result: Distillation) -> str:
    """The ladder, the contributions and the formula without outer training."""
    learned, best = result.learned, result.best_tuned
    subject = f"{result.run} ({result.task}) as a formula"
    how = f"{result.problems} held-out problems, {len(result.seeds)} outer seeds of {result.budget} outer steps{lighter(result)}"
    if result.longer_budget:
        how += f"; longer: {result.longer_budget} outer steps"
    read, imitated = (_loss(one.meta_loss.mean, one.meta_loss.sem) for one in (result.read, result.imitated))
    fit = f"imitation {imitated} (R² {_r2(result.imitated.r2)})"
    lines = [
        f"{subject}: {how}",
        f"{'rung':<28}{'numbers':>8}{'meta-loss':>20}   share of the advantage (95 %)",
        f"{tuned_title(result):<36}{_loss(best.meta_loss.mean, best.meta_loss.sem):>20}   0 %",
        *(f"{title_of(rung):<28}{rung.numbers:>8}{loss(rung):>20}   {percent(rung.share)}" for rung in result.rungs),
        f"{'learned':<36}{_loss(learned.meta_loss.mean, learned.meta_loss.sem):>20}   100 %",
        "each of the four mechanisms divides the meta-loss by, averaged over all orders:",
        *(
            f"  {MECHANISMS[name]:<20}"
            + ("–" if one.mean is None else f"{one.mean:.3g} ({one.low:.3g} to {one.high:.3g})")
            for name, one in result.contributions.items()
        ),
        *_without(result),
        f"without outer training: read off the instruments {read}, {fit}",
        conclusion(result),
    ]
    return "\n".join(lines)


def _without(result: Distillation) -> list[str]:
    """What the best formula loses without each of its mechanisms."""
    known = result.best.ablations
    rows = [f"  {MECHANISMS[name]:<20}{factor(one)}" for name, one in known.items()]
    return ["without one of its mechanisms, the best formula's meta-loss is multiplied by:", *rows] if known else []


def _r2(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _loss(mean: float | None, sem: float | None) -> str:
    if mean is None or sem is None:
        return "diverges"
    return f"{mean:.4f} ± {sem:.4f}" if mean < 100 else f"{mean:.2g} ± {sem:.1g}"


def conclusion(result: Distillation, name: str = "") -> str:
    """What the ladder says, in two sentences.

    Args:
        result: of a distillation.
        name: of the learned optimizer; its run's if empty.
    """
    best = result.best
    if not explains(best.share):
        text = (
            f"{'With one outer seed' if len(result.seeds) == 1 else f'Averaged over {len(result.seeds)} outer seeds'}, no formula is better than {tuned_title(result)} after "
            f"{best.budget or result.budget:,} outer steps"
        )
        if best.chosen is not None and explains(best.chosen):
            return (
                f"{text}; the one with the lowest loss on training problems {keeps(best.chosen, f'of the advantage of {name or result.run}')}. "
                "What known techniques explain at most is not known."
            )
        return f"{text}: how much of the advantage of {name or result.run} known techniques explain is not known."
    four = result.longest(FOUR)
    advantage = f"of the advantage of {name or result.run} over {tuned_title(result)}"
    nothing = f" ({idle_in(four)})" if idle_in(four) else ""
    parts = [
        f"A formula of {four.numbers} numbers with the four mechanisms{nothing}{_trained(four)} {keeps(four.share, advantage)}."
    ]
    more = [name for name in best.mechanisms if name not in four.mechanisms]
    if more:
        nothing = f" ({idle_in(best)})" if idle_in(best) else ""
        parts.append(
            f"With {named(more)} it has {best.numbers} numbers{nothing} and{_trained(best)} {keeps(best.share, 'of it')}."
        )
    elif best is not four:
        after = "" if best.budget == four.budget else f", after {best.budget or result.budget:,} outer steps"
        parts.append(
            f"The formula with the lowest loss on training problems has {named(best.mechanisms)} ({best.numbers} numbers{after}) and "
            f"{keeps(best.share, 'of it')}."
        )
    if best.chosen is not None and best.share.mean is not None and len(result.seeds) > 1:
        mean = percent(best.share).split(" (")[0]
        parts.append(
            f"The {mean} are the mean of {len(result.seeds)} outer seeds; the one with the lowest loss on training problems "
            f"{keeps(best.chosen, 'of it')}."
        )
    if rest := rest_of(result):
        parts.append(f"The rest, {rest}.")
    if short := shorter(result):
        parts.append(f"After {result.budget:,} outer steps, like the rest of the ladder, {short}.")
    if len(more) > 1:
        parts += _gains(result, f"Among formulas that were trained for {result.budget:,}, added" if short else "Added")
    return " ".join(parts)


def _gains(result: Distillation, added: str) -> list[str]:
    """Which mechanism above the four adds most, if that can be said."""
    pair, seeds = largest_gain(result), len(result.seeds)
    if pair is None:
        return []
    name = MECHANISMS[pair[1].mechanisms[-1]].lower()
    more = f"with it, {pair[1].numbers} numbers keep {said(pair[1].share)} instead of {said(pair[0].share)}"
    if not alike(result, pair):
        return [
            f"{added} in this order, which of the parts above the four adds most differs between outer seeds (on average {name}: {more})."
        ]
    return [
        f"{added} in this order, {name} adds most{f', with each of {seeds} outer seeds' if seeds > 1 else ''}: {more}."
    ]


def _trained(rung: Rung) -> str:
    """For how long, if for longer than the ladder."""
    return "" if rung.budget is None else f", trained for {rung.budget:,} outer steps,"


def shorter(result: Distillation) -> str:
    """What those named by `conclusion` keep in the ladder, if they were trained for longer: "they keep … and …"; "" if none was."""
    named = [result.longest(FOUR), *([result.best] if tuple(result.best.mechanisms) != FOUR else [])]
    pairs = [(rung, result.of_ladder(rung.mechanisms)) for rung in named if rung.budget is not None]
    if not pairs:
        return ""
    subject = "they keep" if len(pairs) > 1 else f"the formula of {pairs[0][0].numbers} numbers keeps"
    return f"{subject} {' and '.join(said(short.share) for _, short in pairs)}"


def explains(share: Interval) -> bool:
    """Whether a formula keeps anything of an advantage; else its training, or its family, was too small to say."""
    return share.mean is not None and share.mean > 0


def largest_gain(result: Distillation) -> tuple[Rung, Rung] | None:
    """Of the rungs above the four mechanisms, that which adds most to the share, after the one below it; None if none adds anything."""
    gains = [
        (upper.share.mean - lower.share.mean, lower, upper)
        for lower, upper in pairwise(result.ladder)
        if len(upper.mechanisms) > len(FOUR) and upper.share.mean is not None and lower.share.mean is not None
    ]
    gain, lower, upper = max(gains, default=(0.0, None, None), key=lambda found: found[0])
    return None if gain <= 0 or lower is None or upper is None else (lower, upper)


def alike(result: Distillation, pair: tuple[Rung, Rung]) -> bool:
    """Whether the step between two rungs of the ladder is a gain with every outer seed, and the largest above the four mechanisms."""
    above = [two for two in pairwise(result.ladder) if len(two[1].mechanisms) > len(FOUR)]
    for seed in range(len(result.seeds)):
        gains = [
            -math.inf if low is None or high is None else low - high
            for low, high in ((lower.by_seed[seed], upper.by_seed[seed]) for lower, upper in above)
        ]
        if max(gains) <= 0 or above[gains.index(max(gains))] != pair:
            return False
    return True


def rest_of(result: Distillation) -> str:
    """What the best formula does not keep, in words; "" where nothing is left, or known.

    A share is the least that formulas of this family explain: what one budget of training did not find may still be there.
    """
    share = result.best.share
    if share.mean is None or share.low is None or share.high is None or not 0 < share.mean < 1:
        return ""
    rest = f"{100 * (1 - share.mean):.0f} %"
    if share.high >= 1:
        return f"{rest}, is within the error"
    budget = result.best.budget or result.budget
    between = f"({100 * (1 - share.high):.0f} to {100 * (1 - share.low):.0f})"
    return f"{rest} {between}, is something else, or was not found in {budget:,} outer steps"
