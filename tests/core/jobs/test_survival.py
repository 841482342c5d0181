"""What has to be survived, done for real: killed workers, messages that come twice, many workers, Redis, a full disk."""

import errno
import os
import shutil
import signal
import subprocess

import pytest
from redis import Redis

from core.jobs.broker import QUEUE, celery_app, notify, workers_present
from core.jobs.job import events
from core.jobs.queue import ask, resume
from core.runs.lock import acquire, last_heartbeat
from core.runs.run import Run
from core.runs.states import LEFT_AS
from tests.core.jobs.helpers import assert_same_training, kinds, queued, states, uninterrupted, wait_for, work
from tests.redis_server import RedisServer


@pytest.mark.long
def test_a_killed_worker_loses_nothing(root, start_worker, tmp_path):
    """Saved once, then taken by a process that is killed in mid-run: another worker comes to the same, bit for bit."""
    record = queued(outer_steps=600, units=32, problems=32, unroll=100)  # seconds, to be killed before its end
    work(leaving=lambda: len(record.run.outer_losses()) >= 100)
    saved = record.status().outer_step
    assert record.status().state == "queued" and 100 <= saved < 600
    process = start_worker()
    wait_for(lambda: len(record.run.outer_losses()) > saved)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert record.status().state == "running"
    assert saved < len(record.run.outer_losses()) < 600
    assert work("another") is not None
    assert record.status().state == "finished"
    assert "its worker was lost" in kinds(record, "state")[-2]["message"]
    assert_same_training(record, uninterrupted(tmp_path / "reference", record.run.config))
    told = [step for event in kinds(record, "steps") for step in range(event["first"], event["last"] + 1)]
    assert set(told) == set(range(1, 601))  # no gap


@pytest.mark.long
def test_two_workers_eight_runs_every_message_twice_and_one_torn(root, start_worker, tmp_path):
    list_jobs = [queued(seed=seed, outer_steps=40) for seed in range(8)]
    for _ in range(16):
        notify()
    (root / ".broker" / "messages" / f"0_torn.{QUEUE}.msg").touch()  # its sender was killed, or the disk was full
    processes = [start_worker(), start_worker()]
    wait_for(lambda: all(record.status().state == "finished" for record in list_jobs))
    for record in list_jobs:
        assert states(record) == ["queued", "running", "finished"]
        assert len(record.run.outer_losses()) == 40
    assert_same_training(list_jobs[3], uninterrupted(tmp_path / "reference", list_jobs[3].run.config))
    wait_for(lambda: workers_present() == 2)
    long = queued(outer_steps=100_000)  # found without a message, too
    wait_for(lambda: len(long.run.outer_losses()) > 20)
    for process in processes:
        process.terminate()
    assert [process.wait(60) for process in processes] == [0, 0]
    assert long.status().state == "queued" and long.status().outer_step > 20
    assert states(long) == ["queued", "running", "queued"]
    assert workers_present() == 0


@pytest.mark.long
def test_a_worker_that_begins_anew_still_hears_that_it_is_to_stop(root, start_worker):
    """It begins anew with these signals held back, as here from the start: one that comes before it is ready is not lost."""
    held_back = (signal.SIGTERM, signal.SIGINT)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held_back)
    try:
        process = start_worker()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    process.terminate()
    assert process.wait(180) == 0
    assert workers_present() == 0


LARGE = {"units": 256, "problems": 64, "unroll": 600, "outer_steps": 2, "snapshots": 2}  # seconds for an outer step


@pytest.mark.long
@pytest.mark.parametrize("request_", ["pause", "cancel", "stop"])
def test_a_run_is_left_in_the_middle_of_a_long_step_and_goes_on_exactly(root, start_worker, tmp_path, request_):
    record = queued(**LARGE)
    start_worker()
    wait_for(lambda: record.status().state == "running")
    ask(record, request_)
    wait_for(lambda: record.status().state == LEFT_AS[request_] and record.pending_request() is None)
    assert record.status().outer_step == 0 and record.run.outer_losses() == []  # in the middle of the first step
    wait_for(lambda: acquire(record.path)).release()  # whoever had it has let it go
    resume(record)
    wait_for(lambda: record.status().state == "finished")
    assert_same_training(record, uninterrupted(tmp_path / "reference", record.run.config))


@pytest.mark.long
def test_the_limit_of_time_holds_in_the_middle_of_a_step(root, start_worker):
    record = queued(**LARGE | {"units": 512, "outer_steps": 9})
    start_worker(LOPTSCOPE_MAX_SECONDS="2")
    wait_for(lambda: record.status().state == "stopped")
    status = record.status()
    assert "stopped after 2 s" in status.message and status.seconds >= 2 and status.outer_step == 0


@pytest.mark.long
def test_whatever_lies_among_the_messages_stops_no_worker(root, start_worker):
    record = queued()
    folder = root / ".broker" / "messages"
    folder.mkdir(parents=True)
    for number, content in enumerate(
        [b"", b"{", b"[]", b"null", b'{"body": 1}', b"\xff" * 100, b"[" * 10_000, b"1e999"] * 20
    ):
        (folder / f"{number}_torn.{QUEUE}.msg").write_bytes(content)
    os.mkfifo(folder / f"0_pipe.{QUEUE}.msg")
    (folder / f"0_folder.{QUEUE}.msg").mkdir()
    (root / ".broker" / "control").mkdir()
    (root / ".broker" / "control" / f"{QUEUE}.exchange").write_bytes(b"[[")
    notify()
    process = start_worker()
    wait_for(lambda: record.status().state == "finished")
    wait_for(lambda: not list(folder.glob(f"*_torn.{QUEUE}.msg")))
    assert process.poll() is None


@pytest.fixture
def redis_url(tmp_path):
    """A Redis server of this test's own."""
    server = RedisServer(tmp_path)
    server.start()
    yield server.url
    server.stop()


@pytest.mark.long
def test_messages_through_redis(root, redis_url, start_worker, monkeypatch):
    monkeypatch.setenv("REDIS_URL", redis_url)
    list_jobs = [queued(seed=seed) for seed in range(2)]
    for _ in list_jobs:
        notify()
    with Redis.from_url(redis_url) as client:
        assert client.llen(QUEUE) == 2
        start_worker(REDIS_URL=redis_url)
        wait_for(lambda: all(record.status().state == "finished" for record in list_jobs))
        wait_for(lambda: client.llen(QUEUE) == 0)
    assert not (root / ".broker").exists()
    celery_app.cache_clear()


def test_without_redis_nothing_is_lost(root, monkeypatch, caplog):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    record = queued()
    notify()
    assert "they will find it themselves" in caplog.text
    assert work().name == record.name
    celery_app.cache_clear()


@pytest.fixture
def small_disk(root, monkeypatch):
    """The folder of runs on a disk of 256 KiB, and a way to make it larger."""
    mounted = False
    if os.geteuid() == 0 and shutil.which("mount"):
        command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(root)]
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    if mounted:
        yield lambda: subprocess.run(["mount", "-o", "remount,size=16m", str(root)], check=True)
        subprocess.run(["umount", "--lazy", str(root)], check=True)
        return
    room, sync = [200 * 1024], os.fsync  # nobody may mount here: a disk that says it is full when it is asked

    def limited(handle):
        if sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) > room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", limited)
    yield lambda: room.__setitem__(0, 2**24)


def test_a_full_disk_stops_a_run_that_goes_on_when_there_is_room(small_disk, root, tmp_path):
    record = queued(units=32, outer_steps=400, snapshots=12)
    work()
    status = record.status()
    assert status.state == "failed" and 0 < status.outer_step < 400
    assert "the disk is full" in status.message and "free some space" in status.message
    assert states(record)[-1] == "failed"
    run = Run(record.path)
    assert len(run.outer_losses()) > 0
    assert all(run.optimizer(step) for step in run.snapshots())
    assert acquire(record.path).release() is None and last_heartbeat(record.path) is None
    assert work() is None  # it does not go on by itself, again and again
    small_disk()
    resume(record)
    work()
    assert record.status().state == "finished"
    assert_same_training(record, uninterrupted(tmp_path / "reference", record.run.config))
    assert not (record.path / ".reserve").exists()
    assert events(record.path)[0][-1]["state"] == "finished"
