"""Recordings of small trainings, in a folder of runs of their own."""

from pathlib import Path

import pytest
import torch

import loptscope as ls
from tests.core.training_loop.loops import recorded


@pytest.fixture(scope="package")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three recordings: one that runs again, a learned one, and one that cannot run again."""
    folder = tmp_path_factory.mktemp("recordings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOPTSCOPE_RUNS", str(folder))
        recorded("adam", lambda model: torch.optim.Adam(model.parameters(), lr=0.01), 500, components=7)
        recorded("learned", lambda model: ls.torch_optimizer("two_moons-gru24")(model.parameters()), 20)
        recorded("other", lambda model: torch.optim.Adafactor(model.parameters()), 20)
    return folder


@pytest.fixture(autouse=True)
def runs(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(kept))
    return kept
