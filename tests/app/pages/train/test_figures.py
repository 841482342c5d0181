"""The Train page's figures before there is anything in them."""

import pytest

from app.pages.train.figures import FIGURES, HELD_OUT, RAW, SMOOTH
from app.shared.style import DARK, LIGHT, OPTIMIZER_COLORS
from core.optimizers.hand_designed import BASELINES


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_line_to_beat_has_its_colour_and_no_data(theme) -> None:
    for make in FIGURES.values():
        traces = {trace.meta: trace for trace in make(theme).data}
        assert set(BASELINES) <= set(traces)
        assert all(traces[name].line.color == OPTIMIZER_COLORS[name] for name in BASELINES)
        assert all(len(trace.x) == 0 for trace in traces.values())


def test_the_browser_finds_its_traces_by_what_they_are_of() -> None:
    assert {RAW, SMOOTH, HELD_OUT} <= {trace.meta for trace in FIGURES["outer"](LIGHT).data}
    assert "learned" in {trace.meta for trace in FIGURES["curve"](LIGHT).data}
