import pytest

from core.jobs import estimate as module
from core.jobs.estimate import estimate, inner_steps
from core.runs.config import RunConfig, window_length
from core.runs.options import from_options


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.02)
    module._measured.cache_clear()
    yield
    module._measured.cache_clear()


def small(**settings):
    return from_options({"task": "linear_regression", "units": 4, "problems": 4, "unroll": 10} | settings)


def test_inner_steps_of_all_windows():
    assert inner_steps(small(outer_steps=300)) == 3000
    growing = small(unroll=100, truncation_start=5, truncation_growth=200, outer_steps=900)
    assert inner_steps(growing) == sum(window_length(growing, step) for step in range(900))
    long = small(unroll=100, truncation_start=5, truncation_growth=5000, outer_steps=20_000)
    exact = sum(window_length(long, step) for step in range(20_000))
    assert inner_steps(long) == pytest.approx(exact, rel=0.01)


def test_what_does_not_change_the_work_is_measured_once(monkeypatch):
    measured = []
    time_one = module._time

    def counting(*arguments):
        measured.append(arguments)
        return time_one(*arguments)

    monkeypatch.setattr(module, "_time", counting)
    first = estimate(small(outer_steps=10), 1)
    assert measured and first.seconds == pytest.approx(10 * first.seconds_per_step)
    before = len(measured)
    again = estimate(small(outer_steps=1000, seed=5, learning_rate=0.1, snapshots=3), 1)
    assert len(measured) == before and again.seconds == pytest.approx(100 * first.seconds)
    estimate(small(units=5), 1)
    assert len(measured) > before


def test_a_large_step_is_measured_in_part_and_extrapolated(monkeypatch):
    """With a made-up machine that needs 1 ms for a problem's inner step."""

    def pretend(config, problems, unroll, threads, patience):
        return module.Timing(0.001 * problems * unroll, 1, problems, unroll)

    monkeypatch.setattr(module, "_time", pretend)
    found = estimate(small(problems=100, unroll=1000, outer_steps=7), 2)
    assert found.seconds == pytest.approx(0.001 * 100 * 1000 * 7)
    assert found.measured_problems < 100 and found.measured_unroll < 1000 and found.threads == 2
    monkeypatch.setattr(module, "SECONDS", 1000.0)
    module._measured.cache_clear()
    whole = estimate(small(problems=100, unroll=1000, outer_steps=7), 2)
    assert (whole.measured_problems, whole.measured_unroll) == (100, 1000)
    assert whole.seconds == pytest.approx(found.seconds)


@pytest.mark.parametrize("settings", [{"estimator": "evolution", "pairs": 2}, {"truncation": 3}, {"cell": "lstm"}])
def test_every_estimator_can_be_timed(settings):
    assert estimate(small(**settings), 1).seconds > 0


def test_what_takes_too_long_to_measure_comes_from_the_model_of_cost():
    """With a made-up machine that times only the run that the model is calibrated with."""
    reference = from_options({"task": module.REFERENCE})

    def pretend(plain, threads):
        config = RunConfig.model_validate_json(plain)
        return module.Timing(2.0, 3, config.problems, config.unroll) if config.architecture.units == 64 else None

    found = estimate(large := small(units=256, problems=8, unroll=50, outer_steps=7), 2, pretend)
    work = module.multiplications(large) * 8 * 50 / (module.multiplications(reference) * 64 * 200)
    assert found.measured_steps == 0 and found.seconds == pytest.approx(2.0 * work * 7)
    assert estimate(large, 2, lambda plain, threads: None).seconds > 0  # even where nothing can be measured
