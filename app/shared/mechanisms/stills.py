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


def _array(client_arrays: Mapping[str, Any], name: str) -> np.ndarray:
    return np.array(client_arrays[name], dtype=np.float64)  # None is NaN


def _spread(client_arrays: Mapping[str, Any]) -> np.ndarray:
    return np.arcsinh(_array(client_arrays, "gradients") / client_arrays["scale"])


def _momentum(client_arrays: Mapping[str, Any], mode: int, share: float) -> Changes:
    if not client_arrays["modes"]:
        return {}
    chosen = min(mode, client_arrays["modes"]) - 1
    curves, x = _array(client_arrays, "updates")[chosen], _spread(client_arrays)
    last = len(curves) - 1
    low = min(int(share * last), last - 1)
    bold = curves[low] + (share * last - low) * (curves[low + 1] - curves[low])
    fan = {f"fan {i}": (x, curves[round(i / (FAN - 1) * last)]) for i in range(FAN)}
    start, end = _array(client_arrays, "directions")[chosen][:, :2]
    here = start + share * (end - start)
    value, rate = _array(client_arrays, "eigenvalues")[chosen], np.hypot(*_array(client_arrays, "rates")[chosen])
    return {
        "update": {**fan, MOVING: (x, bold)},
        "state": {LIT: ([start[0], end[0]], [start[1], end[1]]), MOVING: ([here[0]], [here[1]])},
        "eigenvalues": {LIT: ([value[0]], [value[1]])},
        "modes": {LIT: ([rate], [np.hypot(*value)])},
    }


def _clipping(client_arrays: Mapping[str, Any], mode: int, share: float) -> Changes:
    gradients, first, largest = (
        _array(client_arrays, "gradients"),
        client_arrays["sizes"][0],
        client_arrays["gradients"][-1],
    )
    size = first * (largest / first) ** share
    clipped = -client_arrays["slope_at_zero"][-1] * np.clip(gradients, -size, size)
    return {
        "update": {MOVING: (_spread(client_arrays), clipped)},
        "slope": {MOVING: ([first, size, size, largest], [1, 1, 0, 0])},
    }


def _schedule(client_arrays: Mapping[str, Any], mode: int, share: float) -> Changes:
    rates = _array(client_arrays, "rates")
    step = round(share * (len(rates) - 1))
    changes: Changes = {
        "rate": {LIT: ([step], [rates[step]])},
        "update": {MOVING: (_spread(client_arrays), _array(client_arrays, "updates")[step])},
    }
    if "path" in client_arrays:
        x, y = _array(client_arrays, "path")[step][:2]
        changes["path"] = {LIT: ([x], [y])}
    return changes


def _adaptation(client_arrays: Mapping[str, Any], mode: int, share: float) -> Changes:
    if "g" not in client_arrays:
        return {}
    chosen = client_arrays["chosen"]
    point = round(share * (len(chosen) - 1))
    index = int(chosen[point])
    g, rate = client_arrays["g"][index], client_arrays["rates"][index]
    x, (first, second) = float(np.arcsinh(g / client_arrays["scale"])), client_arrays["curve"][index][:2]
    gradients, update = _array(client_arrays, "gradients"), _array(client_arrays, "updates")[point]
    inside = np.flatnonzero(gradients >= g)
    shown = g >= gradients[0] and len(inside) > 0
    return {
        "curve": {LIT: ([x], [first])},
        "space": {LIT: ([x], [first], [second])},
        "update": {MOVING: (_spread(client_arrays), update), LIT: ([x], [update[inside[0]]]) if shown else ([], [])},
        "rate": {LIT: ([abs(g)], [rate])},
    }


MOVES: dict[str, Callable[[Mapping[str, Any], int, float], Changes]] = {
    "momentum": _momentum,
    "clipping": _clipping,
    "schedule": _schedule,
    "adaptation": _adaptation,
    "ablations": lambda client_arrays, mode, share: {},
}


def still(
    view: str, name: str, made: go.Figure, client_arrays: Mapping[str, Any], mode: int, position: int
) -> go.Figure:
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
    for trace, points in MOVES[view](client_arrays, mode, position / LAST).get(name, {}).items():
        drawn.update_traces(dict(zip("xyz", points, strict=False)), selector={"name": trace})
    drawn.for_each_trace(lambda trace: trace.update(showlegend=_worth_a_word(trace.name or "")))
    return drawn


def _worth_a_word(name: str) -> bool:
    return name not in ("", MOVING, LIT) and not name.startswith(("fan ", "another "))
