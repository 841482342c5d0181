import pytest

from core.errors import InputError, TooManyError
from core.jobs.limits import Limits, disk_bytes, memory_bytes
from core.outer.trainer import train
from core.runs.options import from_options
from tests.core.helpers import small_config


def test_the_defaults_allow_what_ships():
    from core.runs.zoo import recipes  # noqa: PLC0415

    for recipe in recipes():
        Limits(memory_gb=8).check(recipe.config)


def test_limits_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("LOPTSCOPE_MAX_UNITS", "32")
    monkeypatch.setenv("LOPTSCOPE_MAX_SECONDS", "60.5")
    monkeypatch.setenv("LOPTSCOPE_MAX_QUEUE", "")
    found = Limits.from_environment()
    assert (found.units, found.seconds, found.queue) == (32, 60.5, Limits().queue)
    monkeypatch.setenv("LOPTSCOPE_MAX_QUEUE", "many")
    with pytest.raises(InputError, match="LOPTSCOPE_MAX_…: queue should be a valid integer"):
        Limits.from_environment()


def test_memory_grows_with_what_needs_it():
    base = {"task": "linear_regression", "units": 8, "problems": 8, "unroll": 10}
    small = memory_bytes(from_options(base))
    assert memory_bytes(from_options(base | {"units": 32})) > small
    assert memory_bytes(from_options(base | {"unroll": 40})) > small
    # a basis of 500 x 500 float64 for each problem
    wide = from_options(base | {"task_parameters": {"parameters": 500}, "problems": 1000})
    assert memory_bytes(wide) > 1000 * 500 * 500 * 8
    moons = {"task": "two_moons", "problems": 2, "unroll": 5}
    many = from_options(moons | {"task_parameters": {"hidden": [512, 512], "points": 50_000}})
    assert memory_bytes(many) > 50_000 * 512 * 2 * 4


def test_the_disk_a_run_fills_is_not_underestimated(tmp_path):
    config = small_config(architecture={"units": 16}, outer_steps=40, snapshots=40)
    run = train(tmp_path / "run", config)
    used = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    assert used < disk_bytes(config) + 40 * 1200  # each safetensors file has a header


def test_a_disk_with_no_room_left(tmp_path, monkeypatch):
    monkeypatch.setattr("core.jobs.limits.shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(TooManyError, match="the disk is full"):
        Limits().check_room(0, 0, 0, tmp_path)
