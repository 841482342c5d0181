"""Deleted runs and the way back."""

import threading
import time

import pytest

from core.errors import ConflictError, UnknownError
from core.outer.trainer import train
from core.runs import lock
from core.runs import trash as module
from core.runs.label import write_label
from core.runs.lock import acquire
from core.runs.run import Run, Status
from core.runs.trash import DAY, DAYS, KEPT, LOOK_EVERY, TRASH, count, deleted, empty, expire, move_to_trash, restore
from core.runs.zoo import own_runs
from tests.core.helpers import small_config


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run in a folder of runs."""
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    train(tmp_path / "mine", small_config(outer_steps=2, snapshots=2))
    return Run(tmp_path / "mine")


def content(path):
    return {
        file.relative_to(path): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file.name != ".claim"
    }


def test_there_and_back(run, tmp_path):
    write_label(run.path, {"title": "My run"})
    before = content(run.path)
    identity = move_to_trash(run.path)
    assert not run.path.exists() and own_runs() == [] and count() == 1
    (deleted_run,) = deleted()
    assert (deleted_run.id, deleted_run.name, deleted_run.title) == (identity, "mine", "My run")
    assert deleted_run.bytes == sum(map(len, before.values())) and abs(deleted_run.deleted - time.time()) < 60
    assert restore(identity) == run.path
    assert content(run.path) == before and deleted() == [] and [run.name for run in own_runs()] == ["mine"]
    with pytest.raises(UnknownError, match="in the trash"):
        restore(identity)
    with pytest.raises(UnknownError):
        move_to_trash(tmp_path / "nobody")


def test_the_same_name_twice(run, monkeypatch):
    monkeypatch.setattr(module.time, "time_ns", lambda: 1_700_000_000_000 * 10**6)
    first = move_to_trash(run.path)
    train(run.path, small_config(outer_steps=1, snapshots=2))
    with pytest.raises(ConflictError, match="another run is named mine now"):
        restore(first)
    second = move_to_trash(run.path)
    assert first != second and count() == 2
    restore(first)
    assert Run(run.path).config.outer_steps == 2


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_is_not_over_stays(run, state):
    run.write_status(Status(state=state, outer_step=1, outer_steps=2))
    with pytest.raises(ConflictError, match=f"mine is {state}: cancel or stop it"):
        move_to_trash(run.path)
    assert run.path.exists() and count() == 0


def test_what_is_claimed_stays(run, monkeypatch):
    monkeypatch.setattr(lock, "LEAVING", 0.05)
    claim = acquire(run.path)
    with pytest.raises(ConflictError, match="mine is being trained"):
        move_to_trash(run.path)
    claim.release()
    move_to_trash(run.path)


def test_a_worker_that_has_written_its_last_state_is_waited_for(run):
    claim = acquire(run.path)
    leaves = threading.Timer(0.1, claim.release)
    leaves.start()
    move_to_trash(run.path)
    leaves.join()
    assert count() == 1


def test_what_is_damaged_can_go(run):
    (run.path / "status.json").write_text("{")
    move_to_trash(run.path)
    assert count() == 1


@pytest.mark.parametrize(
    "identity", ["", "..", "../mine", "1234567890123-../mine", "mine", "1234567890123-", "1234567890123-x"]
)
def test_ids_that_are_none(run, identity):
    with pytest.raises(UnknownError):
        restore(identity)
    assert run.path.exists()


def test_emptied_by_hand(run, tmp_path):
    move_to_trash(run.path)
    (tmp_path / TRASH / "not ours").mkdir()
    assert empty() == 1 and deleted() == []
    assert [path.name for path in (tmp_path / TRASH).iterdir()] == ["not ours"] and not list(tmp_path.glob(".gone-*"))


def test_emptied_by_time_that_was_seen_to_pass(run, monkeypatch):
    clock = [float(int(time.time()) + 2)]  # after the deletion; whole seconds add up exactly
    monkeypatch.setattr(module.time, "time", lambda: clock[0])
    move_to_trash(run.path)
    assert expire() == 0
    looks = 0
    while count():
        clock[0] += LOOK_EVERY
        looks += 1
        expire()
    assert looks == DAYS * DAY / LOOK_EVERY


@pytest.mark.parametrize("jump", [31 * DAY, -31 * DAY, 10 * 365 * DAY])
def test_a_clock_that_jumps_removes_nothing(run, monkeypatch, jump):
    clock = [time.time()]
    monkeypatch.setattr(module.time, "time", lambda: clock[0])
    move_to_trash(run.path)
    for step in (0.0, jump, 60.0, 60.0, -jump, jump):
        clock[0] += step
        assert expire() == 0 and count() == 1
    (run.path.parent / TRASH / KEPT).write_text('{"runs": {"x": {"kept": Infinity}}}')
    assert expire() == 0 and count() == 1  # counts from the beginning


def test_looking_removes_nothing(run, monkeypatch):
    move_to_trash(run.path)
    long_ago = time.time() + 400 * DAY
    monkeypatch.setattr(module.time, "time", lambda: long_ago)
    assert len(deleted()) == count() == 1
