"""Colours and the common frame of figures."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.shared.style import (
    DARK,
    LEARNED_COLORS,
    LIGHT,
    OPTIMIZER_COLORS,
    OPTIMIZER_DASHES,
    THEMES,
    component_colors,
    figure,
    finite,
    line,
    log_ticks,
    symlog_ticks,
)
from core.optimizers.hand_designed import BASELINES, HAND_DESIGNED

# Machado, Oliveira & Fernandes 2009, full severity, on linear RGB.
SIGHTS = {
    "full": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(color: str) -> np.ndarray:
    """A hex colour as linear RGB."""
    values = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(color: str, sight: np.ndarray) -> np.ndarray:
    """A hex colour in CIELAB (D65), as someone with that sight sees it."""
    xyz = XYZ @ np.clip(sight @ linear(color), 0, 1) / (XYZ @ np.ones(3))
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(first: str, other: str) -> float:
    """WCAG's contrast ratio."""
    light = sorted((float(XYZ[1] @ linear(color)) for color in (first, other)), reverse=True)
    return (light[0] + 0.05) / (light[1] + 0.05)


@pytest.mark.parametrize("sight", SIGHTS)
def test_optimizers_are_told_apart_by_colour(sight: str) -> None:
    for combination, other in itertools.combinations(set(OPTIMIZER_COLORS.values()), 2):
        assert np.linalg.norm(lab(combination, SIGHTS[sight]) - lab(other, SIGHTS[sight])) > 9, (combination, other)


def test_every_optimizer_has_a_colour_that_shows_on_both_surfaces() -> None:
    assert set(OPTIMIZER_COLORS) == {"learned", "repaired", "own", *BASELINES} >= set(HAND_DESIGNED)
    pairs = {(OPTIMIZER_COLORS[name], OPTIMIZER_DASHES[name]) for name in OPTIMIZER_COLORS}
    assert len(set(OPTIMIZER_COLORS.values())) == len(OPTIMIZER_COLORS) - 1 and len(pairs) == len(OPTIMIZER_COLORS)
    for color, theme in itertools.product(OPTIMIZER_COLORS.values(), THEMES.values()):
        assert contrast(color, theme.surface) > 2.2, (color, theme.name)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_is_readable(theme: object) -> None:
    assert contrast(theme.text, theme.surface) > 7
    assert contrast(theme.muted, theme.surface) > 4.5


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_components_have_distinct_colours(theme: object, count: int) -> None:
    colors = component_colors(count, theme)
    assert len(set(colors)) == count
    assert all(len(color) == 7 and contrast(color, theme.surface) > 3 for color in colors)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("count", [5, 7])
def test_components_are_told_apart_by_colour(theme: object, count: int, sight: str) -> None:
    seen = [lab(color, SIGHTS[sight]) for color in component_colors(count, theme)]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 10


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("count", [1, 2, 5, 7, 9])
def test_no_component_has_an_optimizers_colour(theme: object, count: int, sight: str) -> None:
    optimizers = {*OPTIMIZER_COLORS.values(), *LEARNED_COLORS}
    for component, optimizer in itertools.product(component_colors(count, theme), optimizers):
        away = np.linalg.norm(lab(component, SIGHTS[sight]) - lab(optimizer, SIGHTS[sight]))
        assert away > 8, (component, optimizer)


def test_no_component_at_all() -> None:
    assert component_colors(0, LIGHT) == []


def value(label: str) -> float:
    """A tick label as a number."""
    return float(label.replace("−", "-").replace("10<sup>", "1e").replace("</sup>", ""))


@settings(deadline=None, derandomize=True, database=None)
@given(st.floats(-13, 9), st.floats(0.011, 14))
def test_every_log_axis_has_numbers(low: float, span: float) -> None:
    ticks = log_ticks(low, low + span)
    found = np.array(ticks["tickvals"])
    assert 3 <= len(found) <= 11 and np.all(
        (found >= 10**low * (1 - 1e-9)) & (found <= 10 ** (low + span) * (1 + 1e-9))
    )
    read = [np.prod([value(part) for part in text.split(" × ")]) for text in ticks["ticktext"]]
    np.testing.assert_allclose(read, found, rtol=1e-4)


def test_ticks_by_hand() -> None:
    positions, labels = symlog_ticks(0.1, 100)
    np.testing.assert_allclose(np.sinh(positions) * 0.1, [value(label) for label in labels])
    assert labels[len(labels) // 2] == "0"
    assert labels[-1] == "100"
    assert labels[0] == "−100"


@settings(deadline=None, derandomize=True, database=None)
@given(st.floats(-9, 6), st.floats(0.31, 12))
def test_ticks_are_round_numbers_in_place(log_scale: float, decades: float) -> None:
    scale = 10**log_scale
    largest = scale * 10**decades
    positions, labels = symlog_ticks(scale, largest)
    np.testing.assert_allclose(scale * np.sinh(positions), [value(label) for label in labels], rtol=1e-9)
    assert positions == sorted(positions)
    np.testing.assert_allclose(positions, -np.array(positions[::-1]))
    end = np.arcsinh(largest / scale)
    assert 0.0 in positions
    assert max(positions) <= end * (1 + 1e-12)
    assert len(positions) <= 7
    assert min(np.diff(positions), default=end) > 0.29 * end  # room for every label


def test_finite_leaves_the_rest_out() -> None:
    values = np.array([1.0, np.inf, -np.inf, np.nan, -2.0])
    np.testing.assert_array_equal(finite(values), [1.0, np.nan, np.nan, np.nan, -2.0])
    assert np.isinf(values[1])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_the_frame_of_a_figure(theme: object) -> None:
    trace = line(np.arange(3), np.arange(3.0), "#123456", "a line", width=3, dash="dot")
    made = figure(theme, "some key", {"title": "across"}, {"range": [0, 1]}, [trace])
    assert made.layout.font.color == theme.text
    assert made.layout.meta == {"key": "some key", "theme": theme.name}
    assert made.layout.xaxis.title.text == "across"
    assert made.layout.yaxis.range == (0, 1)
    assert made.layout.xaxis.gridcolor == theme.grid
    assert (made.data[0].line.color, made.data[0].line.width, made.data[0].line.dash) == ("#123456", 3, "dot")
    assert made.layout.paper_bgcolor == "rgba(0,0,0,0)"  # the canvas under the plot must show
