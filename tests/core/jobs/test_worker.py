"""Work on one run, in this process."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch

from core.errors import ConflictError
from core.jobs import held_out as held_out_module
from core.jobs.job import Job, events
from core.jobs.limits import Limits
from core.jobs.queue import ask, find, is_waiting, list_jobs, resume, take_next
from core.jobs.views import describe, describe_all, happened
from core.jobs.worker import HeartbeatThread, _Supervision, execute
from core.meta_loss import meta_loss
from core.outer import trainer
from core.runs.lock import Heartbeat, begin_heartbeat, last_heartbeat
from core.runs.run import Run
from core.runs.states import LEFT_AS
from core.runs.trash import move_to_trash
from core.seeds import Purpose, generator
from core.unroll import unroll
from tests.core.jobs.helpers import assert_same_training, kinds, queued, states, uninterrupted, work


@pytest.fixture(autouse=True)
def _every_step(monkeypatch):
    """Everything that is done now and then is done all the time."""
    monkeypatch.setattr("core.jobs.worker.LOOK_EVERY", -1.0)
    monkeypatch.setattr(trainer, "WRITE_EVERY", -1.0)


def work_until(record, outer_step, request):
    """Work on it; something is asked of it at that outer step."""

    def leaving():
        if record.path.exists() and len(record.run.outer_losses()) == outer_step:
            ask(record, request)
        return False

    work(leaving=leaving)


@pytest.mark.parametrize("asked, state", [("pause", "paused"), ("stop", "stopped"), ("cancel", "cancelled")])
def test_a_run_obeys_and_goes_on_exactly(root, tmp_path, asked, state):
    record = queued()
    work_until(record, 13, asked)
    status = record.status()
    assert (status.state, status.outer_step, record.pending_request()) == (state, 13, None)
    assert states(record) == ["queued", "running", state]
    assert (13 in record.run.snapshots()) == (asked == "stop")
    assert last_heartbeat(record.path) is None and not is_waiting()
    resume(record)
    work()
    assert record.status().state == "finished"
    (record.run.snapshot_path(13)).unlink(missing_ok=True)
    assert_same_training(record, uninterrupted(tmp_path / "reference", record.run.config))


@pytest.mark.parametrize("asked", [None, "pause", "stop", "cancel"])
def test_whoever_sees_a_state_finds_its_event_and_its_snapshot(root, monkeypatch, asked):
    record = queued()
    seen = []
    write_status = Run.write_status

    def write(run, status):
        written = states(record)[-1], status.outer_step in run.snapshots()
        seen.append((status.state, *written))
        write_status(run, status)

    monkeypatch.setattr(Run, "write_status", write)
    work_until(record, 13, asked) if asked else work()
    if asked:
        resume(record)
    assert [state for state, event, _ in seen if state != event] == []
    assert {state for state, _, _ in seen} == {"running", *({LEFT_AS[asked], "queued"} if asked else {"finished"})}
    assert all(kept for state, _, kept in seen if state in ("stopped", "finished"))


def test_an_answer_that_says_a_run_is_over_has_the_event(root, monkeypatch):
    """The run ends between the two reads of one answer."""
    record = queued()

    def read(*args):
        found = events(*args)
        if record.status().state == "queued":
            work()
        return found

    monkeypatch.setattr("core.jobs.views.events", read)
    told = happened(record, 0)
    assert told["state"] == "queued" and told["more"]
    assert happened(record, told["next"])["events"][-1]["state"] == "finished"


def test_a_run_at_work_cannot_be_deleted(root):
    record = queued()
    refused = []

    def leaving():
        with pytest.raises(ConflictError, match="is being trained: cancel or stop it before you delete it"):
            move_to_trash(record.path)
        refused.append(1)
        return False

    work(leaving=leaving)
    assert refused and record.status().state == "finished"


def test_a_wish_that_is_taken_back_in_time(root):
    record = queued()

    def leaving():
        done = len(record.run.outer_losses())
        if done == 5:
            ask(record, "pause")
        return False

    held = take_next("w")
    original = trainer._Trainer.save

    def save(self, state, message=""):
        if state == "paused":
            resume(record)  # while the worker is on its way out
        original(self, state, message)

    trainer._Trainer.save = save
    try:
        execute(held, "w", leaving=leaving, threads=1)
    finally:
        trainer._Trainer.save = original
    assert record.status().state == "queued"


def test_a_pause_is_taken_back_between_the_workers_look_at_it_and_its_removal(root, monkeypatch):
    record, resumed = queued(), []
    pending = Job.pending_request

    def looked(job):
        found = pending(job)
        if job.status().state == "paused" and not resumed:
            resumed.append(1)
            resume(record)
        return found

    monkeypatch.setattr(Job, "pending_request", looked)
    work_until(record, 13, "pause")
    assert resumed and record.status().state == "queued" and record.pending_request() is None


def test_a_request_that_comes_after_the_worker_has_decided_is_followed(root, monkeypatch):
    record = queued()
    save = trainer._Trainer.save

    def late(self, state, message=""):
        if state == "paused":
            ask(record, "cancel")
        save(self, state, message)

    monkeypatch.setattr(trainer._Trainer, "save", late)
    work_until(record, 13, "pause")
    assert states(record)[-2:] == ["paused", "cancelled"] and record.pending_request() is None


def work_in_a_long_step(record, monkeypatch, act, **options):
    """Work on it; something happens at the fifth check in the middle of its first outer step, which would take long."""
    monkeypatch.setattr("core.outer.compiled.BLOCK", 1.0)  # a block is an inner step
    checks = itertools.count()
    check = _Supervision.check

    def counted(self):
        if next(checks) == 5:
            act()
        check(self)

    monkeypatch.setattr(_Supervision, "check", counted)
    work(**options)
    return next(checks)


@pytest.mark.parametrize("asked", ["pause", "stop", "cancel"])
def test_a_run_is_left_in_the_middle_of_a_step(root, tmp_path, monkeypatch, asked):
    long = {"unroll": 1000, "outer_steps": 2, "snapshots": 2}
    record = queued(**long)
    checks = work_in_a_long_step(record, monkeypatch, lambda: ask(record, asked))
    assert checks < 20  # of the thousands of the step
    assert (record.status().state, record.status().outer_step) == (LEFT_AS[asked], 0)
    assert record.pending_request() is None and last_heartbeat(record.path) is None
    monkeypatch.undo()
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(root))
    resume(record)
    work()
    assert_same_training(record, uninterrupted(tmp_path / "reference", record.run.config))


def test_a_worker_that_stops_and_the_limit_of_time_leave_a_step_too(root, monkeypatch):
    record, stops = queued(unroll=5000), []
    work_in_a_long_step(record, monkeypatch, lambda: stops.append(1), leaving=lambda: bool(stops))
    assert record.status().state == "queued" and "its worker was stopped" in record.status().message
    work(limits=Limits(seconds=0.05))
    status = record.status()
    assert (status.state, status.outer_step) == ("stopped", 0) and "the limit" in status.message
    assert status.seconds > 0.045 and record.run.snapshots() == [0]


def test_the_longest_run(root, monkeypatch):
    monkeypatch.setattr("core.jobs.worker.time", SimpleNamespace(monotonic=lambda: 0.0))  # only whole steps take time
    record = queued(outer_steps=100_000)
    work(limits=Limits(seconds=0.05))
    status = record.status()
    assert status.state == "stopped" and 0 < status.outer_step < 100_000
    assert "stopped after 0.05 s, the limit" in status.message
    assert status.outer_step in record.run.snapshots()


def test_steps_that_are_not_finite_are_counted_and_shown_and_given_up_in_the_end(root):
    record = queued(task="rosenbrock", output_scale=1e20, adjoint_clip=None, outer_steps=80)
    work()
    status = record.status()
    assert (status.state, status.outer_step) == ("failed", trainer.SKIPS_IN_A_ROW)
    assert f"not finite in {trainer.SKIPS_IN_A_ROW} outer steps in a row" in status.message
    assert status.skipped_steps == trainer.SKIPS_IN_A_ROW and status.diverged_problems == 4 * trainer.SKIPS_IN_A_ROW
    shown = describe(record)
    assert shown["meta_loss"] is None and shown["skipped_steps"] == trainer.SKIPS_IN_A_ROW
    told = [event["points"] for event in happened(record, 0)["events"] if event["kind"] == "steps"]
    assert all(value is None for points in told for value in points["meta_loss"])
    assert sum(sum(points["skipped"]) for points in told) == trainer.SKIPS_IN_A_ROW
    assert all(bool(torch.isfinite(t).all()) for t in record.run.optimizer().theta.values())


def test_one_step_that_is_not_finite_is_skipped_and_training_goes_on(root, monkeypatch):
    from core.outer.estimators.backpropagation import Backpropagation  # noqa: PLC0415

    estimate = Backpropagation.estimate

    def spoiled(self, theta, outer_step):
        outer = estimate(self, theta, outer_step)
        if outer_step == 6:
            outer.gradients["readout_weight"][0] = math.nan
        return outer

    monkeypatch.setattr(Backpropagation, "estimate", spoiled)
    record = queued(snapshots=1000, outer_steps=12)
    work()
    status = record.status()
    assert (status.state, status.skipped_steps, status.outer_step) == ("finished", 1, 12)
    assert [step.skipped for step in record.run.outer_losses()] == [0] * 6 + [1] + [0] * 5
    before, after = (record.run.optimizer(step).theta for step in (6, 7))
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_damaged_training_state_is_said(root):
    record = queued()
    (record.path / "training_state.safetensors").write_bytes(b"nonsense")
    work()
    assert record.status().state == "failed" and "training_state.safetensors is damaged" in record.status().message


def test_an_error_nobody_thought_of_is_said(root, monkeypatch):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("core.jobs.worker.train", broken)
    record = queued()
    work()
    assert record.status().message == "ZeroDivisionError: of all things"
    assert states(record)[-1] == "failed" and last_heartbeat(record.path) is None


def test_a_worker_whose_run_was_taken_over_leaves_it_alone(root, monkeypatch):
    monkeypatch.setattr("core.jobs.worker.BEAT_EVERY", 0.005)
    record = queued(outer_steps=100_000)
    held = take_next("slow")
    before = states(record)

    def leaving():
        if len(record.run.outer_losses()) == 5:
            begin_heartbeat(record.path, Heartbeat(worker="fast", host="elsewhere"))
        return False

    execute(held, "slow", leaving=leaving, threads=1)
    assert states(record) == before and record.status().state == "running"
    assert last_heartbeat(record.path).worker == "fast"


def test_a_pulse_beats_and_notices(root, monkeypatch):
    monkeypatch.setattr("core.jobs.worker.BEAT_EVERY", 0.005)
    begin_heartbeat(root, Heartbeat(worker="a", host="h"))
    (root / "heartbeat.json").touch()
    pulse = HeartbeatThread(root, "a")
    assert not pulse.lost.wait(0.05)
    begin_heartbeat(root, Heartbeat(worker="b", host="h"))
    assert pulse.lost.wait(5)
    pulse.stop()


def test_held_out_evaluations_are_right_and_within_their_budget(root, monkeypatch):
    monkeypatch.setattr(held_out_module, "SPACING", (0.0, 0.0))
    clock = itertools.count()  # an evaluation takes a millisecond
    monkeypatch.setattr(held_out_module, "time", SimpleNamespace(perf_counter=lambda: next(clock) / 1000))
    record = queued(outer_steps=300, snapshots=1000)
    work()
    found = kinds(record, "evaluation")
    assert found[-1]["outer_step"] == 300
    config = record.run.config
    problems = config.make_task().sample(found[-1]["problems"], generator(Purpose.EVALUATE, config.seed))
    losses = unroll(record.run.optimizer(300), problems, config.unroll, record=()).losses
    assert found[-1]["meta_loss"] == pytest.approx(meta_loss(losses).mean().item(), rel=1e-4)
    curve = found[-1]["curve"]
    assert curve["inner_step"] == list(range(11))
    assert curve["relative_loss"] == pytest.approx((losses[:, 0] / losses[0, 0]).tolist(), rel=1e-3)


def test_the_budget_of_held_out_evaluations():
    from core.runs.options import from_options  # noqa: PLC0415

    spent = held_out_module.HeldOut(from_options({"task": "linear_regression", "units": 4, "unroll": 10}))
    spent.saw(0.5)
    assert spent.cost == 0.5 * held_out_module.FORWARD and not spent.due()
    for _ in range(20):
        spent.saw(0.5)
    assert spent.due()
    spent.cost, spent.spent, spent.last = 0.5, 0.5, spent.trained
    assert not spent.due()
    spent.saw(3.0)
    assert spent.due() == (spent.spent + spent.cost <= held_out_module.BUDGET * spent.trained)
    spent.cost = 0.001
    spent.spent = 0.0
    assert spent.due() and spent.baselines_due()
    assert spent.due(last=True)
    spent.cost = 2.0  # a level costs as much as many outer steps: only once training is over
    assert not spent.baselines_due() and spent.baselines_due(last=True)
    spent.cost = 20.0
    assert not spent.baselines_due(last=True)
    spent.cost = 0.001
    found = spent.baselines()
    assert set(found) >= {"momentum", "rmsprop", "adam"}
    assert all(level["meta_loss"] > 0 and level["problems"] == 64 for level in found.values())
    assert not spent.baselines_due() and not spent.baselines_due(last=True)


def test_what_is_told_of_a_run(root):
    record = queued()
    waiting_view = describe_all(list_jobs())
    assert waiting_view["queue"] == [record.name] and waiting_view["jobs"][0]["place"] == 0
    assert waiting_view["jobs"][0]["snapshots"] == [] and waiting_view["workers"] == 0
    work()
    shown = describe(find(record.name))
    assert (shown["state"], shown["outer_step"], shown["outer_steps"]) == ("finished", 30, 30)
    assert shown["settings"]["units"] == 4 and shown["settings"]["task"] == "linear_regression"
    assert shown["snapshots"] == record.run.snapshots() and shown["steps_per_second"] > 0
    assert shown["seconds_left"] is None and not shown["worker_alive"]
    told = happened(record, 0)
    assert told["next"] == told["events"][-1]["seq"] and not told["more"] and told["state"] == "finished"
    points = [step for event in told["events"] if event["kind"] == "steps" for step in event["points"]["outer_step"]]
    assert points == list(range(1, 31))
    expected = [step.meta_loss for step in record.run.outer_losses()]
    assert [
        value for event in told["events"] if event["kind"] == "steps" for value in event["points"]["meta_loss"]
    ] == expected
    assert {event["outer_step"] for event in told["events"] if event["kind"] == "snapshot"} == set(shown["snapshots"])
    assert happened(record, told["next"]) == {"events": [], "next": told["next"], "more": False, "state": "finished"}


def test_long_answers_come_in_parts(root, monkeypatch):
    record = queued()
    work()
    monkeypatch.setattr("core.jobs.views.MOST_POINTS", 4)
    monkeypatch.setattr("core.jobs.views.MOST_EVENTS", 7)
    seen, after, more = [], 0, True
    while more:
        told = happened(record, after)
        after, more = told["next"], told["more"]
        seen += told["events"]
    assert [event["seq"] for event in seen] == list(range(1, after + 1))
