"""The same mechanisms for optimizers that see whole tensors: figures of what is measured along a run, and a sentence where nothing can be."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.ablation import ABLATIONS
from app.shared.mechanisms.agreement import agreement_caption, agreement_figure
from app.shared.mechanisms.drawing import KEY, Common, MechanismDrawing, empty, padded, spread, symlog_axis
from app.shared.mechanisms.frames import Frames
from app.shared.mechanisms.mechanism import Mechanism, MechanismFigure, References
from app.shared.numbers import fraction, number
from app.shared.style import OPTIMIZER_COLORS, component_colors, figure, finite, line, viridis
from core.bundle import Bundle
from core.mechanisms import of_tensors as views

NO_SLOPE = "the update has no slope there (as in arithmetic in half precision)"
ALONG = "All else is as met in one run: the optimizer is taken back to a step, and one number is changed there."
DASHES = ("dot", "solid")  # of the two steps looked at


def _precision(bundle: Bundle) -> list[str]:
    return [bundle.about["precision"]] if bundle.about["precision"] else []


def _places(p: MechanismDrawing, name: str) -> list[tuple[np.ndarray, str, dict[str, Any]]]:
    """Curves [places, components, points] of an array that are known, with their names and looks: dotted at the first step."""
    about, found = p.bundle.about, []
    colors = component_colors(len(about["components"]), p.theme)
    known = _known(p.array(name))
    for place, (step, dash) in enumerate(zip(about["steps"], DASHES, strict=True)):
        for i, component in enumerate(about["components"]):
            curve = p.array(name)[place, i]
            if known[place, i]:
                look: dict[str, Any] = {"color": colors[i], "dash": dash, "width": 2, "legendgroup": component}
                look["showlegend"] = not known[place + 1 :, i].any()
                found.append((curve, f"{component}, step {step}", look))
    return found


def _known(curves: np.ndarray) -> np.ndarray:
    """Which of some curves [places, components, points] are known all along and not 0."""
    return np.isfinite(curves).all(-1) & (np.abs(np.nan_to_num(curves)).max(-1) > 0)


def _dotted(bundle: Bundle) -> str:
    first, last = bundle.about["steps"]
    return f"Dotted: step {first}, solid: step {last}."


def _kept(made: go.Figure) -> go.Figure:
    """With its legend above it."""
    return made.update_layout(showlegend=True, legend=KEY)


def _kernel(p: MechanismDrawing) -> go.Figure:
    """Memory kernels along a run, each over its largest value, beside tuned momentum's."""
    found = _places(p, "kernels")
    if not found:
        return empty(p, NO_SLOPE)
    traces: list[Any] = []
    for kernel, name, look in found:
        text = f"{name}: %{{y}} after %{{x}} steps<extra></extra>"
        shares = kernel / np.abs(kernel).max()
        traces.append(line(np.arange(len(kernel)), shares, name=name, hovertemplate=text, **look))
    for name, (_, beta) in p.references.items():
        if "tuned" in name:
            ages = np.arange(p.array("kernels").shape[-1])
            label = f"{name}, β = {fraction(beta)}"
            traces.append(line(ages, beta**ages, OPTIMIZER_COLORS["momentum"], label, dash="dash", hoverinfo="skip"))
    x = {"title": "steps since the gradient", "zeroline": False}
    return _kept(figure(p.theme, p.key, x, {"title": "memory kernel / its largest"}, traces))


def _kernel_caption(bundle: Bundle, references: References) -> list[str]:
    kernels = bundle.arrays["kernels"].astype(float)
    known = kernels[_known(kernels)]
    drawn = "What later updates of a component owe to its gradient at one step, while later gradients and parameters stay as met. Momentum has βʲ."
    drawn = " ".join([drawn, *_precision(bundle)])
    if not len(known):
        return [drawn, "Unknown: the updates have no slope over an earlier gradient at the places looked at."]
    count = kernels.shape[0] * kernels.shape[1]
    if 2 * len(known) <= count:
        return [
            drawn,
            f"Known at {len(known)} of {count} places only, so that no number stands for all; {_dotted(bundle)[0].lower()}{_dotted(bundle)[1:]}",
        ]
    steps = float(np.median(known.sum(-1) / np.abs(known).max(-1)))
    drawn = f"{drawn} {_dotted(bundle)}"
    return [drawn, f"A gradient acts for {number(steps)} steps (the sum over the largest; 1 is no memory), the median."]


def _coupling(p: MechanismDrawing) -> go.Figure:
    """Where the answer to one component's gradient is found."""
    shares, about = 100 * p.array("answers"), p.bundle.about
    if not np.isfinite(shares).any():
        return empty(p, NO_SLOPE)
    labels = [[f"{value:.3g}" if np.isfinite(value) else "?" for value in row] for row in shares.tolist()]
    bar = {"title": {"text": "%", "side": "top"}, "thickness": 10, "outlinewidth": 0, "tickfont": {"size": 10}}
    shown = go.Heatmap(
        z=[[value if np.isfinite(value) else None for value in row] for row in shares.T.tolist()],
        x=about["components"],
        y=about["groups"],
        text=np.array(labels).T,
        texttemplate="%{text}",
        textfont={"size": 10},
        colorscale=viridis(p.theme),
        zmin=0,
        zmax=100,
        colorbar=bar,
        xgap=2,
        ygap=2,
        name="answers",
        hovertemplate="gradient of %{x}: %{text} % of the answer in %{y}<extra></extra>",
    )
    y = {"title": "updates of", "autorange": "reversed", "showgrid": False}
    return figure(p.theme, p.key, {"title": "gradient of", "showgrid": False}, y, [shown])


def _coupling_caption(bundle: Bundle, references: References) -> list[str]:
    value = bundle.about["coupling"]
    steps = " and ".join(map(str, bundle.about["steps"]))
    drawn = (
        f"Of the answer to one component's gradient, the share that is found in each update: the mean of steps {steps}."
    )
    if value is None:
        return [drawn, "The coupling is unknown: updates have no slope over a gradient at most places looked at."]
    return [
        drawn,
        f"In the median over components and steps, {number(100 * value)} % is found in other components' updates; 0 if they are independent.",
    ]


def _update(p: MechanismDrawing) -> go.Figure:
    """Updates of components over their own gradient, above the density of the gradients met."""
    found, x = _places(p, "updates"), spread(p, p.array("gradients"))
    if not found:
        return empty(p, "no update is finite")
    low, high = padded(np.concatenate([curve for curve, *_ in found]))
    edges, density = spread(p, p.array("edges")), p.array("density")
    height = low + np.repeat(density, 2) / max(density.max(), 1e-12) * 0.32 * (high - low)
    ends = np.repeat(edges, 2)[1:-1]
    fill = go.Scatter(
        x=np.concatenate([ends, ends[::-1]]),
        y=np.concatenate([height, np.full_like(height, low)]),
        fill="toself",
        fillcolor=p.theme.fill,
        line={"width": 0},
        name="gradients met",
        hoverinfo="skip",
    )
    written = [number(one) for one in p.array("gradients").tolist()]
    traces: list[Any] = [fill]
    for curve, name, look in found:
        text = f"{name}: gradient %{{text}}, update %{{y}}<extra></extra>"
        traces.append(line(x, curve, name=name, text=written, hovertemplate=text, **look))
    return _kept(figure(p.theme, p.key, symlog_axis(p), {"title": "update", "range": [low, high]}, traces))


def _update_caption(bundle: Bundle, references: References) -> list[str]:
    return [
        f"The update of a component over its own gradient, at two steps, over the density of the gradients met. {ALONG} {_dotted(bundle)}",
        *([f"{bundle.about['nonfinite']} gradients were not finite."] if bundle.about["nonfinite"] else []),
        *_precision(bundle),
    ]


def _secant(p: MechanismDrawing) -> go.Figure:
    """Secants through ± a gradient, relative to that of the smallest gradient."""
    found = _places(p, "secants")
    if not found:
        return empty(p, "the update does not answer the smallest gradients")
    sizes = p.array("sizes")
    traces: list[Any] = [
        line(sizes[[0, -1]], np.ones(2), p.theme.muted, "in proportion", width=1, dash="dash", hoverinfo="skip")
    ]
    for curve, name, look in found:
        text = f"{name}: %{{y}} of the slope at small gradients, |g| = %{{x}}<extra></extra>"
        traces.append(line(sizes, curve, name=name, hovertemplate=text, **look))
    drawn = np.concatenate([curve for curve, *_ in found])
    low, high = (float(end) for end in np.nanpercentile(drawn, [2, 98]))
    x = {"title": "size of the gradient", "type": "log", "range": np.log10(sizes[[0, -1]]).tolist()}
    y = {"title": "slope / slope at small gradients", "range": padded(np.array([min(low, 0.0), max(high, 1.2)]))}
    return _kept(figure(p.theme, p.key, x, y, traces))


def _secant_caption(bundle: Bundle, references: References) -> list[str]:
    secants = bundle.arrays["secants"].astype(float)[..., -1]
    known = secants[np.isfinite(secants)]
    drawn = "The slope of the secant between ± a gradient, relative to small gradients. Clipping is a fall from 1 towards 0."
    if not len(known):
        return [drawn, "Unknown: the update does not answer small gradients, or is not finite."]
    return [
        f"{drawn} {_dotted(bundle)}",
        f"At the largest gradient met it is {number(float(np.median(known)))}, the median.",
    ]


def _along(p: MechanismDrawing, name: str, title: str) -> go.Figure:
    """A number of each component over the steps of the run."""
    at, curves = p.array("at"), p.array(name)
    if not np.isfinite(curves).any():
        return empty(p, NO_SLOPE)
    colors = component_colors(len(curves), p.theme)
    traces = []
    for component, color, curve in zip(p.bundle.about["components"], colors, curves, strict=True):
        text = f"{component}, step %{{x}}: %{{y}}<extra></extra>"
        made = line(at, finite(curve), color, component, width=2, hovertemplate=text)
        traces.append(made.update(mode="lines+markers", marker={"size": 5, "color": color}))
    known = curves[np.isfinite(curves)]
    y: dict[str, Any] = {"title": title, "rangemode": "tozero"}
    if float(np.ptp(known)) <= 1e-6 * float(np.abs(known).max()):  # the same all along: no axis full of rounding
        middle = float(known.mean())
        y = {"title": title, "range": sorted([0.0, 2 * middle]) if middle else [-1, 1]}
    return _kept(figure(p.theme, p.key, {"title": "inner step", "zeroline": False}, y, traces))


def _rate(p: MechanismDrawing) -> go.Figure:
    """The effective learning rate along the run."""
    return _along(p, "rates", "effective learning rate")


def _range(values: np.ndarray) -> str:
    known = values[np.isfinite(values)].astype(float)
    low, high = float(known.min()), float(known.max())
    return number(high) if number(low) == number(high) else f"{number(low)} to {number(high)}"


def _rate_caption(bundle: Bundle, references: References) -> list[str]:
    rates = bundle.arrays["rates"]
    drawn = f"Minus the slope of a component's update at its own gradient 0. {ALONG}"
    if not np.isfinite(rates).any():
        return [drawn, "Unknown: the updates have no slope at gradient 0."]
    meant = "Gradients are those of the run, so this holds adaptation, too: a schedule alone would need them to stay 0."
    return [drawn, f"It is {_range(rates)}. {meant}", *_precision(bundle)]


def _decay(p: MechanismDrawing) -> go.Figure:
    """Weight decay along the run."""
    return _along(p, "decays", "weight decay a step")


def _decay_caption(bundle: Bundle, references: References) -> list[str]:
    decays = bundle.arrays["decays"]
    drawn = "By which share a parameter shrinks in a step, whatever its gradient: −∂u/∂x at its own gradient 0."
    if not np.isfinite(decays).any():
        return [drawn, "Unknown: the updates have no slope over the parameter."]
    return [drawn, f"It is {_range(decays)}."]


def _eigenvalues(p: MechanismDrawing) -> go.Figure:
    """Eigenvalues of the whole loop at two steps, beside the unit circle."""
    if "eigenvalues" not in p.bundle.arrays:
        return empty(p, p.bundle.about["report"]["reason"])
    turn = np.linspace(0, 2 * np.pi, 181)
    circle = line(np.cos(turn), np.sin(turn), p.theme.muted, "unit circle", width=1, hoverinfo="skip")
    traces: list[Any] = [circle]
    loops = p.bundle.about["report"]["along_run"]
    for found, one, symbol in zip(p.array("eigenvalues"), loops, ("circle-open", "circle"), strict=True):
        marker = {"size": 8, "symbol": symbol, "color": p.color, "line": {"width": 1.5, "color": p.color}}
        text = f"step {one['step']}: |λ| = %{{text}}<extra></extra>"
        sizes = [fraction(float(np.hypot(*value))) for value in found]
        traces.append(
            go.Scatter(
                x=found[:, 0],
                y=found[:, 1],
                mode="markers",
                marker=marker,
                name=f"step {one['step']}",
                text=sizes,
                hovertemplate=text,
            )
        )
    drawn = p.array("eigenvalues").reshape(-1, 2)
    reach = 1.08 * max(1.0, float(np.abs(drawn).max()))
    x = {"title": "real part", "range": [-reach, reach], "constrain": "domain"}
    y = {"title": "imaginary part", "range": [-reach, reach], "scaleanchor": "x", "constrain": "domain"}
    return _kept(figure(p.theme, p.key, x, y, traces))


def _eigenvalues_caption(bundle: Bundle, references: References) -> list[str]:
    report = bundle.about["report"]
    drawn = "Eigenvalues of one step of optimizer and problem together, at two steps of a run: inside the circle, small changes die out."
    return list(report["sentences"]) if report["reason"] else [drawn, *report["sentences"]]


def _agreement_caption(bundle: Bundle, references: References) -> list[str]:
    drawn = "The first gradients of a run, fed again with their own sizes and other signs, the same of all components: quartiles over the components looked at."
    return agreement_caption(bundle, references, drawn)


def _unknown(p: MechanismDrawing) -> go.Figure:
    return empty(p, f"Unknown: {p.bundle.about['why']}.")


def _unknown_caption(bundle: Bundle, references: References) -> list[str]:
    return [f"Unknown: {bundle.about['why']}."]


def _still(bundle: Bundle, common: Common) -> Frames:
    """Nothing moves."""
    return Frames({}, {"mode": [], "position": []})


OF_TENSORS: dict[str, Mechanism] = {
    row.name: row
    for row in (
        Mechanism(
            "momentum",
            "Momentum",
            views.momentum_view,
            (
                MechanismFigure("kernel", "Memory kernel along a run", _kernel, _kernel_caption),
                MechanismFigure("coupling", "Coupling between components", _coupling, _coupling_caption),
            ),
            _still,
        ),
        Mechanism(
            "clipping",
            "Gradient clipping",
            views.clipping_view,
            (
                MechanismFigure("update", "Update function along a run", _update, _update_caption),
                MechanismFigure("secant", "Slope over the size of the gradient", _secant, _secant_caption),
            ),
            _still,
        ),
        Mechanism(
            "schedule",
            "Learning-rate schedule",
            views.schedule_view,
            (
                MechanismFigure("rate", "Learning rate along a run", _rate, _rate_caption),
                MechanismFigure("decay", "Weight decay along a run", _decay, _decay_caption),
            ),
            _still,
        ),
        Mechanism(
            "adaptation",
            "Learning-rate adaptation",
            views.adaptation_view,
            (
                MechanismFigure("unknown", "The S-curve", _unknown, _unknown_caption),
                MechanismFigure("agreement", "Gradients that agree", agreement_figure, _agreement_caption),
            ),
            _still,
        ),
        Mechanism(
            "closed_loop",
            "Closed loop",
            views.closed_loop_view,
            (MechanismFigure("eigenvalues", "Eigenvalues of the whole step", _eigenvalues, _eigenvalues_caption),),
            _still,
        ),
        ABLATIONS,
    )
}
