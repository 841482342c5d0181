import fcntl
import multiprocessing
import os
import socket
import time

import pytest

from core.errors import InputError
from core.runs.lock import (
    LOCK_FILE,
    Heartbeat,
    acquire,
    begin_heartbeat,
    end_heartbeat,
    heartbeat_again,
    last_heartbeat,
    run_lock,
)

FORKS = multiprocessing.get_context("fork")


def test_one_at_a_time(tmp_path):
    first = acquire(tmp_path)
    assert first is not None and acquire(tmp_path) is None
    first.release()
    first.release()  # no harm
    second = acquire(tmp_path)
    assert second is not None
    with pytest.raises(InputError, match="is being trained by another process"), run_lock(tmp_path):
        pass
    second.release()
    with run_lock(tmp_path):
        assert acquire(tmp_path) is None
    acquire(tmp_path).release()


def test_a_killed_process_gives_its_claim_back(tmp_path):
    held = FORKS.Event()

    def hold():
        lock = acquire(tmp_path)
        held.set()
        time.sleep(60)
        lock.release()

    process = FORKS.Process(target=hold)
    process.start()
    assert held.wait(10) and acquire(tmp_path) is None
    process.kill()
    process.join(10)
    acquire(tmp_path).release()


def test_a_folder_that_is_gone_or_replaced(tmp_path, monkeypatch):
    assert acquire(tmp_path / "absent") is None
    with run_lock(tmp_path / "absent"):  # nobody can be at work there
        assert not (tmp_path / "absent").exists()
    lock = fcntl.flock

    def replaced(handle, operation):
        lock(handle, operation)
        (tmp_path / LOCK_FILE).rename(tmp_path / "moved")  # as `remove` does to the whole folder
        (tmp_path / LOCK_FILE).touch()

    monkeypatch.setattr(fcntl, "flock", replaced)
    assert acquire(tmp_path) is None


@pytest.mark.parametrize("host, age, free", [("elsewhere", 0, False), ("elsewhere", 100, True), (None, 0, True)])
def test_a_fresh_heartbeat_of_another_machine_is_respected(tmp_path, host, age, free):
    begin_heartbeat(tmp_path, Heartbeat(worker="w", host=host or socket.gethostname()))
    stamp = (tmp_path / "heartbeat.json").stat().st_mtime - age
    os.utime(tmp_path / "heartbeat.json", (stamp, stamp))
    claim = acquire(tmp_path)
    assert (claim is not None) == free
    if claim is not None:
        claim.release()
    end_heartbeat(tmp_path)
    acquire(tmp_path).release()


def test_beating(tmp_path):
    assert not heartbeat_again(tmp_path, "w") and last_heartbeat(tmp_path) is None
    begin_heartbeat(tmp_path, Heartbeat(worker="w", host="h", outer_step=3))
    os.utime(tmp_path / "heartbeat.json", (1.0, 1.0))
    assert heartbeat_again(tmp_path, "w") and (tmp_path / "heartbeat.json").stat().st_mtime > 2
    assert not heartbeat_again(tmp_path, "other")
    assert last_heartbeat(tmp_path).outer_step == 3
    (tmp_path / "heartbeat.json").write_text("{")
    assert last_heartbeat(tmp_path) is None and not heartbeat_again(tmp_path, "w")
