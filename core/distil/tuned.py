"""Tuned hand-designed optimizers as starts of a formula: near what they do, in the numbers that are trained."""

from collections.abc import Iterable

import numpy as np
import torch
from scipy.optimize import least_squares

from core.errors import InputError
from core.optimizers.formula import Formula, Structure, as_formula, coefficients
from core.optimizers.hand_designed import BASELINES, HandDesigned
from core.optimizers.schedules import relaxing, warming_up
from core.runs import zoo

UNROLL = 200  # inner steps over which a schedule is matched
BETWEEN = (0.02, 0.999)  # decays further out hardly move when they are trained
ROOT_FROM = (
    0.03  # of a gradient's size: the root of RMSProp and Adam begins there, for a power far from 1 moves too much
)
INSIDE = 0.9  # of a tuned learning rate, which is often just below the one from which on problems diverge
RELAXING = ("rate", "rate_last", "relaxation", "warmup_from", "warmup")
FASTEST, SLOWEST = 0.5, 1e4  # inner steps


def best_member(mechanisms: Iterable[str], task: str) -> Formula | None:
    """The tuned hand-designed optimizer with the lowest meta-loss among those that have no other mechanisms.

    Args:
        mechanisms: those that it may have.
        task: name of the task.

    Returns:
        The optimizer as the formula that it is exactly; None where none is tuned.
    """
    found: list[tuple[float, Formula]] = []
    allowed = set(mechanisms)
    for name in BASELINES:
        try:
            search = zoo.find_tuned(task, name)
            optimizer = search.make()
            assert isinstance(optimizer, HandDesigned)
            member = as_formula(optimizer)
        except (InputError, OSError):
            continue
        if set(member.structure.mechanisms) <= allowed:
            found.append((search.meta_loss, member))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def near(member: Formula, structure: Structure, scale: float) -> dict[str, float]:
    """Numbers of a structure's parts with which it does nearly what a hand-designed optimizer does.

    The root of Adam and RMSProp becomes a power of −½, any schedule (and Adam's bias correction) an exponential relaxation with a warm-up.

    Args:
        member: a hand-designed optimizer as a formula.
        structure: the parts whose numbers are trained.
        scale: the size of gradients.
    """
    given = member.values
    step = torch.arange(UNROLL, dtype=torch.float64)
    at = coefficients(member.structure, given, step)
    rates = INSIDE * torch.as_tensor(at.first + at.second + at.direct, dtype=torch.float64).expand(UNROLL).numpy()
    values: dict[str, float] = {}
    if "memory" in given:
        values |= {"memory": min(max(given["memory"], BETWEEN[0]), BETWEEN[1]), "direct": given["direct"]}
    if member.structure.adaptation == "root":
        root_from = max(given["epsilon"], ROOT_FROM * scale)
        averaging = min(max(given["averaging"], BETWEEN[0]), BETWEEN[1])
        values |= {"averaging": averaging, "scale": root_from, "exponent": 0.5}
        rates = rates / torch.as_tensor(at.correction, dtype=torch.float64).expand(UNROLL).numpy() ** 0.5 / root_from
    return values | (nearest_relaxing(rates) if structure.schedule != "none" else {"rate": float(rates[UNROLL // 2])})


def nearest_relaxing(rates: np.ndarray) -> dict[str, float]:
    """The relaxing schedule nearest to learning rates [steps], by least squares.

    Args:
        rates: positive, at k = 0, 1, …
    """
    step, largest = torch.arange(len(rates), dtype=torch.float64), rates.max()

    def curve(raw: np.ndarray) -> np.ndarray:
        first, last, relaxation, begin, warmup = np.exp(raw).tolist()
        return (relaxing(step, first, last, relaxation) * warming_up(step, begin, warmup)).numpy()

    least = 1e-3  # of the largest rate
    first, last = max(rates[len(rates) // 10] / largest, least), max(rates[-1] / largest, least)
    start = np.log([first, last, len(rates) / 3, min(max(rates[0] / largest / first, 0.1), 10.0), 5.0])
    low = np.log([least, least, FASTEST, 0.01, FASTEST])
    high = np.log([10.0, 10.0, SLOWEST, 100.0, SLOWEST])
    found = least_squares(lambda raw: curve(raw) - rates / largest, start, bounds=(low, high))
    numbers = dict(zip(RELAXING, np.exp(found.x).tolist(), strict=True))
    return numbers | {"rate": numbers["rate"] * largest, "rate_last": numbers["rate_last"] * largest}
