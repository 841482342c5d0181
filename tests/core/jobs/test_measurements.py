"""Evaluations and distillations of runs that are over, made by workers."""

import threading
from types import SimpleNamespace

import pytest

from core.errors import ConflictError, InputError, UnknownError
from core.evaluation.held_out import Evaluation
from core.files.atomic import read_json, write_bytes
from core.jobs import measurements, measurer
from core.jobs.limits import Limits
from core.jobs.measured import main
from core.jobs.measurements import IN_VAIN, LOCK_FILE, ask, ask_when_finished, cancel, find, take_next
from core.runs import zoo
from core.runs.lock import lock_file
from core.runs.trash import move_to_trash
from tests.core.jobs.helpers import queued, wait_for, work


@pytest.fixture
def finished(root, monkeypatch):
    """The folder of a finished run that nobody measures."""
    monkeypatch.setenv("LOPTSCOPE_EVALUATE", "0")
    record = queued(outer_steps=4, snapshots=2)
    work()
    monkeypatch.delenv("LOPTSCOPE_EVALUATE")
    return record.path


def stand_in(tmp_path, monkeypatch, script):
    """A process that says something, in place of one that measures."""
    path = tmp_path / "python"
    write_bytes(path, f"#!/bin/sh\n{script}\n".encode())
    path.chmod(0o755)
    monkeypatch.setattr(measurer, "sys", SimpleNamespace(executable=str(path)))


def test_a_finished_run_is_evaluated_by_itself_unless_that_is_off(root, monkeypatch):
    record = queued(outer_steps=4)
    work()
    assert record.status().state == "finished" and find(record.path, "evaluation").state == "waiting"
    stopped = queued(outer_steps=10_000)
    work(limits=Limits(seconds=0.05))
    assert stopped.status().state == "stopped" and find(stopped.path, "evaluation") is None
    monkeypatch.setenv("LOPTSCOPE_EVALUATE", "0")
    other = queued(outer_steps=4)
    work()
    assert other.status().state == "finished" and find(other.path, "evaluation") is None
    monkeypatch.setenv("LOPTSCOPE_EVALUATE", "perhaps")
    with pytest.raises(InputError, match="must be 0 or 1"):
        ask_when_finished(other.path)


def test_an_evaluation_is_stored_and_says_how_far_it_is(finished, monkeypatch, capfd):
    compare, score = zoo.evaluate_run, zoo.score_run_snapshots
    monkeypatch.setattr(zoo, "evaluate_run", lambda run: compare(run, problems=4))
    monkeypatch.setattr(zoo, "score_run_snapshots", lambda run, **how: score(run, problems=4, **how))
    monkeypatch.setattr("core.jobs.measured._end_with", lambda worker: None)
    monkeypatch.setattr("os.nice", lambda _: None)
    main("evaluation", str(finished), 1)
    said = capfd.readouterr().out.splitlines()
    assert said[0] == '{"progress": "comparing with the tuned baselines"}' and said[-1] == '{"done": true}'
    assert '{"progress": "1 of 2 snapshots scored"}' in said
    assert read_json(finished / zoo.EVALUATION_FILE, Evaluation).outer_step == 4
    assert (finished / "evaluation_snapshots.json").exists()


def test_a_distillation_that_fails_says_why(finished, monkeypatch, capfd):
    def fail(*_, **__):
        raise InputError("it has no advantage to explain")

    monkeypatch.setattr("core.jobs.measured.distil", fail)
    monkeypatch.setattr("core.jobs.measured._end_with", lambda worker: None)
    monkeypatch.setattr("os.nice", lambda _: None)
    main("distillation", str(finished), 1)
    assert '{"failed": "it has no advantage to explain"}' in capfd.readouterr().out


def test_what_a_process_says_is_written_and_the_request_ends_with_it(finished, tmp_path, monkeypatch):
    stand_in(
        tmp_path, monkeypatch, """echo '{"progress": "3 of 9"}'; read line; echo nonsense; echo '{"done": true}'"""
    )
    ask(finished, "distillation")
    with pytest.raises(ConflictError, match="is being distilled already"):
        ask(finished, "distillation")
    taken = take_next()
    assert (taken.path, taken.kind) == (finished, "distillation") and take_next() is None
    assert not measurements.is_waiting()
    thread = threading.Thread(target=measurer.execute, args=(taken,))
    thread.start()
    assert wait_for(lambda: find(finished, "distillation").progress) == "3 of 9"
    cancel(finished, "distillation")
    thread.join(60)
    assert not thread.is_alive() and find(finished, "distillation") is None
    lock_file(finished, LOCK_FILE).release()
    with pytest.raises(ConflictError, match="is not being distilled"):
        cancel(finished, "distillation")


@pytest.mark.parametrize(
    "script, state, message",
    [
        ("""echo '{"done": true}'""", None, ""),
        ("""echo '{"failed": "no  baseline"}'""", "failed", "no baseline"),
        ("exit 3", "failed", "its process ended with status 3, possibly out of memory"),
    ],
)
def test_how_it_ends(finished, tmp_path, monkeypatch, script, state, message):
    stand_in(tmp_path, monkeypatch, script)
    ask(finished, "evaluation")
    measurer.execute(take_next())
    found = find(finished, "evaluation")
    assert (found and found.state, found.message if found else "") == (state, message)
    assert take_next() is None
    if state == "failed":
        ask(finished, "evaluation")  # once more
        assert find(finished, "evaluation").state == "waiting"


def test_it_gives_way_to_training_to_what_comes_first_and_to_a_worker_that_leaves(finished, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "sleep 60")
    monkeypatch.setattr(measurer, "GIVE_WAY_EVERY", 0.0)
    ask(finished, "distillation")
    queued()
    measurer.execute(take_next())
    assert find(finished, "distillation").state == "waiting"
    monkeypatch.setenv("LOPTSCOPE_EVALUATE", "0")
    work()
    ask(finished, "evaluation")
    (taken,) = [take_next()]
    assert taken.kind == "evaluation"
    measurer.execute(taken, leaving=lambda: True)
    assert {kind: find(finished, kind).state for kind in measurements.KINDS} == dict.fromkeys(
        measurements.KINDS, "waiting"
    )
    cancel(finished, "evaluation")
    measurer.execute(take_next(), limits=Limits(seconds=0.1))
    assert "stopped after 0.1 s" in find(finished, "distillation").message


def test_a_measurement_that_kills_its_worker_is_given_up(finished):
    ask(finished, "evaluation")
    for _ in range(IN_VAIN):
        take_next().lock.release()  # as when its process ends
    assert take_next() is None
    assert "its worker died 5 times" in find(finished, "evaluation").message


def test_only_what_is_over_and_has_a_snapshot_is_measured(root):
    record = queued()
    with pytest.raises(InputError, match="has no snapshot yet"):
        ask(record.path, "evaluation")
    work(limits=Limits(seconds=1e-9))
    record.set_state("paused")
    with pytest.raises(ConflictError, match="is paused: it is evaluated once it is over"):
        ask(record.path, "evaluation")


def test_a_run_that_is_deleted_meanwhile_is_not_made_again(finished, monkeypatch):
    ask(finished, "evaluation")
    look = measurements.find

    def late(path, kind):
        found = look(path, kind)
        if path.exists():
            move_to_trash(path)
        return found

    monkeypatch.setattr(measurements, "find", late)
    assert not measurements.change(finished, "evaluation", progress="half")
    assert not measurements.change(finished, "evaluation", progress="done")
    with pytest.raises(UnknownError, match="there is no run"):
        cancel(finished, "evaluation")
    assert not finished.exists()
