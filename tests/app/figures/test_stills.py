"""Figures at one inner step, whatever the task, subject, theme and axis."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from flask import Flask
from plotly.io import to_json

from app.drawing import drawing_of
from app.figures.panels import FIGURES
from app.figures.stills import MARKS, still
from app.figures.style import DARK, LIGHT
from core.bundle import Bundle
from core.errors import InputError
from tests.app.conftest import Shown


@pytest.mark.parametrize(("theme", "symlog"), list(itertools.product([LIGHT, DARK], [False, True])))
def test_every_figure_has_its_marks(shown: Shown, server: Flask, theme, symlog):
    with server.app_context():
        source, drawing = drawing_of(shown.view, theme)
    assert source == shown.source
    drawing = dataclasses.replace(drawing, symlog=symlog)
    for name, step in itertools.product(FIGURES, (0, 200)):
        made = still(name, drawing, step)
        json.loads(to_json(made), parse_constant=pytest.fail)
        assert len(made.data) > len(FIGURES[name](drawing).data)
        assert made.layout.paper_bgcolor == theme.surface


def test_what_is_not_finite_is_left_out(shown: Shown, server: Flask):
    with server.app_context():
        drawing = drawing_of(shown.view, LIGHT)[1]
    arrays = {
        name: np.full_like(array, np.nan)
        if name in ("losses", "paths", "state", "update", "gradient", "rate")
        else array
        for name, array in drawing.bundle.arrays.items()
    }
    broken = dataclasses.replace(drawing, bundle=Bundle(arrays, drawing.bundle.about))
    for name in FIGURES:
        json.loads(to_json(still(name, broken, 10)), parse_constant=pytest.fail)
    assert all(len(trace.x) == 0 for trace in MARKS["loss"](broken, 10))


def test_an_unknown_figure_is_refused(shown: Shown, server: Flask):
    with server.app_context():
        drawing = drawing_of(shown.view, LIGHT)[1]
    with pytest.raises(InputError, match="unknown figure 'map'"):
        still("map", drawing, 0)
