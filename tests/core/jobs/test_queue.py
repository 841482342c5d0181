"""The queue as the runs' folders tell it."""

import json
import os
import threading
import time

import pytest
import torch

from core.errors import ConflictError, InputError, TooManyError, UnknownError
from core.jobs import queue as module
from core.jobs.job import Job, events, note
from core.jobs.limits import Limits
from core.jobs.queue import (
    IN_VAIN,
    ask,
    find,
    is_waiting,
    list_jobs,
    reorder,
    restart,
    resume,
    submit,
    take_next,
    tidy,
    waiting,
    withdraw,
)
from core.jobs.sweep import sweep
from core.runs import zoo
from core.runs.lock import LOCK_FILE, acquire
from core.runs.options import from_options
from core.runs.run import Run
from core.runs.trash import deleted, empty, move_to_trash, restore
from tests.core.jobs.helpers import SMALL, kinds, queued, states, work


def order():
    return [record.name for record in waiting(list_jobs())]


def test_a_submitted_run_is_a_folder_with_everything(root):
    record = submit(SMALL | {"learning_rate": 0.01}, client="10.0.0.1", sweep="sweep-1")
    assert record.path.parent == root and record.name.startswith("linear_regression-gru4-")
    assert Run(record.path).config == from_options(SMALL | {"learning_rate": 0.01})
    status = record.status()
    assert (status.state, status.outer_step, status.outer_steps) == ("queued", 0, 30)
    assert find(record.name).info == record.info and record.info.sweep == "sweep-1"
    assert "10.0.0.1" not in (record.path / "job.json").read_text()
    assert [event["seq"] for event in events(record.path)[0]] == [1]
    assert zoo.find_run(record.name).path == record.path


@pytest.mark.parametrize(
    "settings, words",
    [
        ({}, "task is missing"),
        ({"task": "chess"}, "unknown task 'chess'"),
        ({"task": ["rosenbrock"]}, "task"),
        ({"units": 10_000}, "units should be less than or equal to 1024"),
        ({"units": "16"}, "units should be a valid integer"),
        ({"units": True}, "units should be a valid integer"),
        ({"units": 2.5}, "units should be a valid integer"),
        ({"outer_steps": -1}, "outer_steps should be greater than or equal to 1"),
        ({"learning_rate": "fast"}, "learning_rate should be a valid number"),
        ({"learning_rate": 1e400}, "learning_rate"),
        ({"task_parameters": {"parameters": "5"}}, "parameters should be a valid integer"),
        ({"task_parameters": [1]}, "task_parameters"),
        ({"task_parameters": {"x": 1}}, "x is not a known setting"),
        ({"run": "/etc"}, "'run' is not a known setting"),
        ({"architecture": {}}, "'architecture' is not a known setting"),
        ({"format": "x"}, "'format' is not a known setting"),
        ({"start": {"run": "../../etc", "outer_step": 0}}, "must be a run's name, not a path"),
        ({"start": {"run": ".git", "outer_step": 0}}, "start must be one of the runs here"),
        ({"start": {"run": "absent", "outer_step": 0}}, "neither a run nor a run's folder"),
        ({"start": "absent"}, "start"),
        ({"seed": None}, "seed should be a valid integer"),
        ({"truncation": 11}, "truncation must be at most the unroll"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_leaves_nothing(root, settings, words):
    given = settings if "task" in settings or not settings else SMALL | settings
    with pytest.raises(InputError) as caught:
        submit(given)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not list(root.glob("*")) and order() == []


def test_a_disk_that_is_full_at_once_leaves_nothing_behind(root, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "note", full)
    with pytest.raises(OSError, match="No space left"):
        queued()
    assert [path.name for path in root.iterdir()] == [".lock"]


def test_the_order_can_be_seen_and_changed(root):
    a, b, c = (queued(seed=seed) for seed in range(3))
    assert order() == [a.name, b.name, c.name]
    reorder(c, 0)
    assert order() == [c.name, a.name, b.name]
    reorder(c, 99)
    reorder(find(a.name), 1)
    assert order() == [b.name, a.name, c.name]
    late = queued(seed=3)
    assert order()[-1] == late.name
    assert work().name == b.name
    with pytest.raises(ConflictError, match="no longer waiting"):
        reorder(b, 0)


def test_only_one_takes_a_run(root):
    record = queued()
    taken, gate = [], threading.Barrier(8)

    def take(number):
        gate.wait()
        taken.append(take_next(f"w{number}"))

    threads = [threading.Thread(target=take, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (held,) = [one for one in taken if one is not None]
    assert held.job.name == record.name and record.status().state == "running"
    assert take_next("late") is None and not is_waiting()
    held.lock.release()
    assert is_waiting()  # its worker is gone


@pytest.mark.parametrize("asked, state", [("pause", "paused"), ("stop", "stopped"), ("cancel", "cancelled")])
def test_a_waiting_run_obeys_at_once(root, asked, state):
    record = queued()
    ask(record, asked)
    ask(record, asked)  # again: no harm
    assert record.status().state == state and order() == [] and work() is None
    assert states(record) == ["queued", state]
    resume(record)
    resume(record)
    assert order() == [record.name] and record.pending_request() is None


def test_what_is_withdrawn_leaves_nothing(root):
    record = queued()
    withdraw(record)
    assert not record.path.exists() and list_jobs() == []
    assert not [path for path in root.iterdir() if path.name != ".lock"]
    with pytest.raises(UnknownError):
        find(record.name)


def test_what_a_worker_has_taken_is_cancelled_instead(root):
    record = queued()
    held = take_next("w")
    withdraw(record)
    assert record.pending_request() == "cancel" and record.path.exists()
    held.lock.release()


def test_what_is_over_cannot_be_paused_or_resumed(root):
    record = queued()
    work()
    for request in ("pause", "stop", "cancel"):
        with pytest.raises(ConflictError, match=f"is finished: there is nothing to {request}"):
            ask(record, request)
    with pytest.raises(ConflictError, match="is finished: start a new run"):
        resume(record)
    assert record.status().state == "finished"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "x/../..", "/etc", ".lock", "a\0b", "x" * 101, "nobody", "é"])
def test_names_that_are_none(root, name):
    with pytest.raises(UnknownError, match="there is no run"):
        find(name)


def test_folders_that_are_no_job_or_damaged_are_passed_over(root):
    record = queued()
    (root / "notes").mkdir()
    for name, file, text in (("a", "job.json", "{"), ("b", "config.json", "{}"), ("c", "status.json", "")):
        broken = root / name
        broken.mkdir()
        for part in ("job.json", "config.json", "status.json"):
            (broken / part).write_text((record.path / part).read_text() if part != file else text)
    assert [found.name for found, _ in list_jobs()] == [record.name]
    assert order() == [record.name] and work().name == record.name


def test_a_run_of_the_command_line_is_never_taken(root):
    path = Run.create(root / "mine", from_options(SMALL)).path
    record = queued()
    (path / "status.json").write_text((record.path / "status.json").read_text().replace("queued", "running"))
    assert [found.name for found, _ in list_jobs()] == [record.name]


def test_a_run_that_kills_its_workers_is_given_up(root):
    record = queued()
    for _ in range(IN_VAIN):
        take_next("doomed").lock.release()  # as if it had died
    assert take_next("wary") is None
    assert record.status().state == "failed" and f"died {IN_VAIN} times" in record.status().message
    resume(record)
    assert work().name == record.name and record.status().state == "finished"


def test_restart_from_a_snapshot_with_other_settings(root):
    first = queued()
    work()
    kept = first.run.snapshots()
    second = restart(first, kept[2], {"learning_rate": 0.05, "outer_steps": 5})
    config = second.run.config
    assert (config.learning_rate, config.outer_steps, config.seed) == (0.05, 5, 0)
    assert config.start.model_dump() == {"run": first.name, "outer_step": kept[2]}
    work()
    found, expected = second.run.optimizer(0).theta, first.run.optimizer(kept[2]).theta
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    move_to_trash(first.path)
    third = restart(second, None, {"start": {"run": second.name, "outer_step": 5}})
    assert third.run.config.start.outer_step == 5
    with pytest.raises(InputError, match="no snapshot at outer step 77"):
        restart(second, 77, {})
    with pytest.raises(InputError, match="has shape"):
        restart(second, None, {"units": 5})
    with pytest.raises(InputError, match="no snapshot yet"):
        restart(third, None, {})
    assert len(list_jobs()) == 2


def test_what_a_client_may_queue(root):
    limits = Limits(runs_per_client=2, queue=3)
    for _ in range(2):
        submit(SMALL, client="a", limits=limits)
    with pytest.raises(TooManyError, match="at most 2 of your runs"):
        submit(SMALL, client="a", limits=limits)
    other = submit(SMALL, client="b", limits=limits)
    with pytest.raises(TooManyError, match="the queue is full: at most 3"):
        submit(SMALL, client="c", limits=limits)
    withdraw(other)
    work()  # one of a's is over
    submit(SMALL, client="a", limits=limits)
    with pytest.raises(TooManyError, match="at most 1 runs are kept"):
        submit(SMALL, client="d", limits=Limits(runs=1))


def test_clients_take_turns_and_a_sweep_does_not_fill_the_queue(root):
    for client, seeds in (("a", range(4)), ("b", range(2))):
        for seed in seeds:
            submit(SMALL | {"seed": seed}, client=client)
    names = order()
    a, b = ([name for name in names if find(name).info.client == find(names[i]).info.client] for i in (0, 1))
    assert names == [a[0], b[0], a[1], b[1], a[2], a[3]]
    held = take_next("w")
    assert held.job.name == a[0] and order() == [b[0], a[1], b[1], a[2], a[3]]  # a has had its turn
    reorder(find(a[3]), 0)
    assert order() == [b[0], a[3], b[1], a[1], a[2]]  # among its own
    held.lock.release()
    with pytest.raises(TooManyError, match="at most 50 of your runs"):
        sweep(SMALL, {"seed": list(range(51))}, client="c")
    assert len(list_jobs()) == 6
    sweep(SMALL, {"seed": list(range(3))}, client="c")
    c = [name for name in order() if name not in names]
    assert order()[:4] == [b[0], c[0], a[3], b[1]]


def test_the_bin_counts(root):
    record = queued()
    ask(record, "cancel")
    move_to_trash(record.path)
    with pytest.raises(TooManyError, match="at most 1 runs are kept here, including the trash"):
        submit(SMALL, limits=Limits(runs=1))
    empty()
    submit(SMALL, limits=Limits(runs=1))


def test_a_claim_is_respected_by_whoever_asks(root):
    record = queued()
    held = take_next("w")
    ask(record, "pause")
    assert record.pending_request() == "pause" and record.status().state == "running"
    resume(record)  # taken back
    assert record.pending_request() is None
    held.lock.release()
    ask(record, "pause")  # nobody works on it any more
    assert record.status().state == "paused"
    assert acquire(record.path).release() is None
    assert (record.path / LOCK_FILE).exists()


def test_events_are_numbered_lines_and_torn_ones_are_skipped(root):
    record = queued()
    with (record.path / "events.jsonl").open("a") as file:
        file.write('{"time": 1, "ki')  # killed here
    assert len(events(record.path)[0]) == 1
    note(record.path, "log", text="after")
    found, last = events(record.path)
    assert [event["seq"] for event in found] == [1, 3] and last == 3
    assert events(record.path, 1) == (found[1:], 3)
    assert events(record.path, 3) == ([], 3) and events(record.path, 50) == ([], 50)
    assert events(record.path, 0, 1) == (found[:1], 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        note(record.path, "log", value=float("nan"))
    assert all(
        json.loads(line) for i, line in enumerate((record.path / "events.jsonl").read_text().splitlines()) if i != 1
    )
    assert kinds(record, "log")[0]["text"] == "after"


def test_what_killed_processes_left_behind_is_removed(root):
    record = queued()
    for name, age in ((".gone-a", 0), (".new-old", 7200), (".new-young", 0)):
        (root / name).mkdir()
        (root / name / "config.json").write_text("{}")
        stamp = time.time() - age
        os.utime(root / name, (stamp, stamp))
    tidy(root)
    assert sorted(path.name for path in root.iterdir()) == sorted([".lock", ".new-young", record.name])


@pytest.mark.parametrize("asked, state", [("pause", "paused"), ("stop", "stopped"), ("cancel", "cancelled")])
def test_a_request_outlives_the_worker_that_it_was_meant_for(root, asked, state):
    record = queued()
    held = take_next("doomed")
    ask(record, asked)
    assert record.status().state == "running"
    held.lock.release()  # as if it had died
    assert take_next("next") is None
    assert record.status().state == state and record.pending_request() is None


def test_a_worker_that_has_just_paused_a_run_does_not_swallow_the_next_request(root):
    record = queued()
    held = take_next("w")
    record.set_state("paused")  # as the worker writes it, before it clears the request and lets the run go

    def leave():
        record.withdraw_request()
        held.lock.release()

    leaves = threading.Timer(0.1, leave)
    leaves.start()
    ask(record, "cancel")
    leaves.join()
    assert record.status().state == "cancelled" and record.pending_request() is None


@pytest.fixture
def left_meanwhile(root, monkeypatch):
    """A run whose worker pauses it and lets it go just before a request is there; and what else happens then."""
    record, more = queued(), []
    held, make = take_next("w"), Job.make_request

    def late(job, request):
        record.set_state("paused")
        held.lock.release()
        for act in more:
            act()
        make(job, request)

    monkeypatch.setattr(Job, "make_request", late)
    return record, more


def test_a_request_that_comes_while_a_run_is_left_is_followed(left_meanwhile):
    record, _ = left_meanwhile
    ask(record, "cancel")
    assert record.status().state == "cancelled" and record.pending_request() is None


def test_a_request_that_comes_while_a_run_is_deleted_makes_no_folder(left_meanwhile, root):
    record, more = left_meanwhile
    more.append(lambda: move_to_trash(record.path))
    with pytest.raises(UnknownError, match=f"there is no run {record.name}"):
        ask(record, "cancel")
    assert not record.path.exists()
    (deleted_run,) = deleted()
    assert restore(deleted_run.id) == record.path and record.status().state == "paused"


def test_a_pause_that_is_followed_while_it_is_taken_back_is_resumed_from(root, monkeypatch):
    record = queued()
    held, pending = take_next("w"), Job.pending_request
    ask(record, "pause")

    def looked(job):
        found = pending(job)
        if found is not None:  # the worker leaves between this look and the next
            record.set_state("paused")
            (record.path / "control.json").unlink()
            held.lock.release()
        return found

    monkeypatch.setattr(Job, "pending_request", looked)
    resume(record)
    assert record.status().state == "queued" and order() == [record.name]


def test_a_run_that_is_deleted_while_others_are_reordered_leaves_no_folder(root, monkeypatch):
    first, second = queued(), queued(seed=1)
    write = Job.write_job

    def late(job, **changes):
        if job.name == first.name:
            ask(first, "cancel")
            move_to_trash(first.path)
        write(job, **changes)

    monkeypatch.setattr(Job, "write_job", late)
    reorder(second, 0)
    assert order() == [second.name] and not first.path.exists()
