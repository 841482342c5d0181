"""A snapshot of a run, drawn."""

from pathlib import Path

import numpy as np
import pytest
from flask import Flask

from app.pages.train.draw import INSTRUMENTS, draw
from app.shared.style import DARK, LIGHT
from core.errors import InputError
from core.optimizers.recurrent import RecurrentOptimizer
from core.runs.config import make_config
from core.runs.run import Run
from core.seeds import Purpose, generator


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with one snapshot."""
    config = make_config({"task": "linear_regression", "architecture": {"units": 3}})
    made = Run.create(tmp_path / "mine", config)
    made.write_snapshot(0, config.architecture.initial_theta(generator(Purpose.INITIALIZE, 0)))
    return made


def test_a_snapshot_is_drawn(server: Flask, run: Run) -> None:
    with server.app_context():
        drawn = draw(run, 0, LIGHT)
        dark = draw(run, 0, DARK)
    assert list(drawn) == list(INSTRUMENTS)
    for name, (figure, caption) in drawn.items():
        assert figure.layout.meta["theme"] == "light" and dark[name][0].layout.meta["theme"] == "dark"
        assert caption[0] == INSTRUMENTS[name].about and not any("slider" in sentence for sentence in caption)
    optimizer = run.optimizer(0)
    assert isinstance(optimizer, RecurrentOptimizer)
    (eigenvalues,) = (trace for trace in drawn["eigenvalues"][0].data if trace.name == "eigenvalues")
    assert len(eigenvalues.x) == 3 and np.hypot(eigenvalues.x, eigenvalues.y).max() < 1.5


def test_no_snapshot_is_a_sentence(server: Flask, run: Run) -> None:
    with server.app_context(), pytest.raises(InputError, match="no snapshot at outer step 7"):
        draw(run, 7, LIGHT)
