"""Momentum: state space, update functions along a mode, eigenvalues, modes as momentum."""

import numpy as np
import plotly.graph_objects as go

from app.shared.mechanisms.portrait import (
    LIT,
    MOVING,
    Portrait,
    components,
    empty,
    lit,
    moving,
    padded,
    spread,
    star,
    symlog_axis,
)
from app.shared.style import component_colors, figure, finite, line, translucent

FAN = 5  # update functions along a mode that are drawn at once


def momentum_state(p: Portrait) -> go.Figure:
    """States of a few components around the fixed point, and the chosen mode through it."""
    if not p.bundle.about["modes"]:
        return empty(p, "no state that could rest")
    paths, fixed_point = p.array("paths"), p.array("fixed_point")
    colors = component_colors(len(paths), p.theme)
    traces = [
        line(
            finite(path[:, 0]),
            finite(path[:, 1]),
            color,
            f"component {i + 1}",
            width=1.2,
            opacity=0.65,
            hoverinfo="skip",
        )
        for i, (path, color) in enumerate(zip(paths, colors, strict=True))
    ]
    traces += [
        line(np.array([]), np.array([]), p.color, LIT, width=4, hoverinfo="skip"),
        star(p, fixed_point[0], fixed_point[1], "fixed point h*"),
        go.Scatter(x=[], y=[], mode="markers", marker={"size": 11, "color": p.color}, name=MOVING, hoverinfo="skip"),
    ]
    titles = components(p.bundle.about["explained"])
    drawn = np.concatenate([paths.reshape(-1, 2), fixed_point[None]])
    x, y = ({"title": title, "range": padded(drawn[:, i])} for i, title in enumerate(titles))
    return figure(p.theme, p.key, x, y, traces)


def momentum_update(p: Portrait) -> go.Figure:
    """The update function at h*, and shifted along the chosen mode."""
    gradients, updates = spread(p, p.array("gradients")), p.array("updates")
    colors = [p.theme.muted if i == FAN // 2 else p.color for i in range(FAN)]
    if p.bundle.about["modes"]:
        traces = [
            line(
                gradients,
                gradients * np.nan,
                color,
                f"fan {i}",
                width=1.1,
                opacity=0.25 + 0.12 * abs(i - FAN // 2),
                hoverinfo="skip",
            )
            for i, color in enumerate(colors)
        ]
    else:
        traces = [line(gradients, updates[0, 0], p.color, "update", hoverinfo="skip")]
    traces.append(moving(p.color))
    reach = float(np.abs(p.array("gradients")).max())
    return figure(p.theme, p.key, symlog_axis(p, reach), {"title": "update", "range": padded(updates)}, traces)


def momentum_eigenvalues(p: Portrait) -> go.Figure:
    """Eigenvalues of the recurrent Jacobian at h*, the unit circle, and the tuned momentum."""
    angles = np.linspace(0, 2 * np.pi, 181)
    circle = line(np.cos(angles), np.sin(angles), p.theme.muted, "unit circle", width=1, dash="dot", hoverinfo="skip")
    traces = [circle]
    if p.bundle.about["modes"]:
        values, taus = p.array("eigenvalues"), p.array("timescales")
        text = [
            f"mode {j + 1}, λ = {a:.4f} {'−' if b < 0 else '+'} {abs(b):.4f}i, timescale {tau:.3g} steps"
            for j, ((a, b), tau) in enumerate(zip(values, taus, strict=True))
        ]
        marker = {"size": 8, "color": translucent(p.color, 0.75), "line": {"width": 1, "color": p.color}}
        traces.append(
            go.Scatter(
                x=values[:, 0],
                y=values[:, 1],
                mode="markers",
                marker=marker,
                name="eigenvalues",
                customdata=np.arange(len(values)),
                text=text,
                hovertemplate="%{text}<extra></extra>",
            )
        )
        traces.append(lit(p))
    for name, (_, beta) in p.marks.items():
        traces.append(star(p, beta, 0.0, f"{name}: β = {beta:.4g}", "star" if "tuned" in name else "diamond"))
    x = {
        "title": "real part of λ",
        "range": [-1.12, 1.12],
        "scaleanchor": "y",
        "constrain": "domain",
        "automargin": False,
    }
    y = {"title": "imaginary part", "range": [-1.12, 1.12], "constrain": "domain", "automargin": False}
    return figure(p.theme, p.key, x, y, traces)


def momentum_modes(p: Portrait) -> go.Figure:
    """Every mode as momentum: its learning rate against its decay."""
    traces = []
    levels = [rate for rate, _ in p.marks.values()]
    if p.bundle.about["modes"]:
        rates, values, taus = p.array("rates"), p.array("eigenvalues"), p.array("timescales")
        size, decay = np.hypot(*rates.T), np.hypot(*values.T)
        levels += size[size > 0].tolist()
        symbols = ["circle" if rate >= 0 else "circle-open" for rate in rates[:, 0]]
        text = [
            f"mode {j + 1}, α = {rate:.3g}, |λ| = {one:.4f}, timescale {tau:.3g} steps"
            for j, (rate, one, tau) in enumerate(zip(rates[:, 0], decay, taus, strict=True))
        ]
        marker = {
            "size": 8,
            "color": p.color,
            "symbol": symbols,
            "line": {"width": 1.5, "color": p.color},
            "opacity": 0.8,
        }
        traces += [
            go.Scatter(
                x=np.where(size > 0, size, np.nan),
                y=decay,
                mode="markers",
                marker=marker,
                name="modes",
                customdata=np.arange(len(size)),
                text=text,
                hovertemplate="%{text}<extra></extra>",
            ),
            lit(p),
        ]
    for name, (rate, beta) in p.marks.items():
        traces.append(
            star(p, rate, beta, f"{name}: α = {rate:.3g}, β = {beta:.4g}", "star" if "tuned" in name else "diamond")
        )
    top = np.log10(max(levels, default=1.0)) + 0.4
    x = {"title": "learning rate |α|", "type": "log", "range": [top - 5, top], "dtick": 1}
    return figure(p.theme, p.key, x, {"title": "decay |λ|", "range": [-0.03, 1.06]}, traces)
