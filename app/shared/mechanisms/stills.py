"""What follows the slider of the Mechanisms page, filled in at one position: for paper and notebooks.

In the browser assets/mechanisms.js gives these traces their data; both start from the same arrays.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.portrait import LIT, MOVING

LAST = 1000  # positions of the slider
FAN = 5
Points = tuple[Any, ...]  # x, y and perhaps z
Changes = dict[str, dict[str, Points]]  # by figure, then by the trace's name


def _array(moved: Mapping[str, Any], name: str) -> np.ndarray:
    return np.array(moved[name], dtype=np.float64)  # None is NaN


def _spread(moved: Mapping[str, Any]) -> np.ndarray:
    return np.arcsinh(_array(moved, "gradients") / moved["scale"])


def _momentum(moved: Mapping[str, Any], mode: int, share: float) -> Changes:
    if not moved["modes"]:
        return {}
    chosen = min(mode, moved["modes"]) - 1
    curves, x = _array(moved, "updates")[chosen], _spread(moved)
    last = len(curves) - 1
    low = min(int(share * last), last - 1)
    bold = curves[low] + (share * last - low) * (curves[low + 1] - curves[low])
    fan = {f"fan {i}": (x, curves[round(i / (FAN - 1) * last)]) for i in range(FAN)}
    start, end = _array(moved, "directions")[chosen][:, :2]
    here = start + share * (end - start)
    value, rate = _array(moved, "eigenvalues")[chosen], np.hypot(*_array(moved, "rates")[chosen])
    return {
        "update": {**fan, MOVING: (x, bold)},
        "state": {LIT: ([start[0], end[0]], [start[1], end[1]]), MOVING: ([here[0]], [here[1]])},
        "eigenvalues": {LIT: ([value[0]], [value[1]])},
        "modes": {LIT: ([rate], [np.hypot(*value)])},
    }


def _clipping(moved: Mapping[str, Any], mode: int, share: float) -> Changes:
    gradients, first, largest = _array(moved, "gradients"), moved["sizes"][0], moved["gradients"][-1]
    size = first * (largest / first) ** share
    clipped = -moved["slope_at_zero"][-1] * np.clip(gradients, -size, size)
    return {
        "update": {MOVING: (_spread(moved), clipped)},
        "slope": {MOVING: ([first, size, size, largest], [1, 1, 0, 0])},
    }


def _schedule(moved: Mapping[str, Any], mode: int, share: float) -> Changes:
    rates = _array(moved, "rates")
    step = round(share * (len(rates) - 1))
    changes: Changes = {
        "rate": {LIT: ([step], [rates[step]])},
        "update": {MOVING: (_spread(moved), _array(moved, "updates")[step])},
    }
    if "path" in moved:
        x, y = _array(moved, "path")[step][:2]
        changes["path"] = {LIT: ([x], [y])}
    return changes


def _adaptation(moved: Mapping[str, Any], mode: int, share: float) -> Changes:
    if "g" not in moved:
        return {}
    chosen = moved["chosen"]
    point = round(share * (len(chosen) - 1))
    index = int(chosen[point])
    g, rate = moved["g"][index], moved["rates"][index]
    x, (first, second) = float(np.arcsinh(g / moved["scale"])), moved["curve"][index][:2]
    gradients, update = _array(moved, "gradients"), _array(moved, "updates")[point]
    inside = np.flatnonzero(gradients >= g)
    shown = g >= gradients[0] and len(inside) > 0
    return {
        "curve": {LIT: ([x], [first])},
        "space": {LIT: ([x], [first], [second])},
        "update": {MOVING: (_spread(moved), update), LIT: ([x], [update[inside[0]]]) if shown else ([], [])},
        "rate": {LIT: ([abs(g)], [rate])},
    }


MOVES: dict[str, Callable[[Mapping[str, Any], int, float], Changes]] = {
    "momentum": _momentum,
    "clipping": _clipping,
    "schedule": _schedule,
    "adaptation": _adaptation,
    "earnings": lambda moved, mode, share: {},
}


def still(view: str, name: str, made: go.Figure, moved: Mapping[str, Any], mode: int, position: int) -> go.Figure:
    """A copy of a figure with what moves in it at its place.

    Args:
        view: which mechanism.
        name: of the figure.
        made: the figure.
        moved: arrays for the browser, as lists.
        mode: the mode lit, 1 for the slowest.
        position: of the slider, 0 to 1000.
    """
    drawn = go.Figure(made)
    for trace, points in MOVES[view](moved, mode, position / LAST).get(name, {}).items():
        drawn.update_traces(dict(zip("xyz", points, strict=False)), selector={"name": trace})
    drawn.for_each_trace(lambda trace: trace.update(showlegend=_worth_a_word(trace.name or "")))
    return drawn


def _worth_a_word(name: str) -> bool:
    return name not in ("", MOVING, LIT) and not name.startswith(("fan ", "another "))
