import pickle
import shutil

import pytest
import torch

from core.errors import InputError
from core.files.atomic import read_tensors, write_tensors
from core.runs.config import Start
from core.runs.run import SNAPSHOT_FORMAT, STATE_FORMAT, OuterStep, Run, Status, is_name
from tests.core.helpers import small_config

CONFIG = small_config(architecture={"units": 3})
CURVE = [
    OuterStep(1, 0.123456789012345678, 1e-30, 3e-3, 0, 0, 0.5),
    OuterStep(2, float("inf"), float("nan"), 3e-3, 4, 1, 1.25),
]


@pytest.fixture
def run(tmp_path):
    """A run with three snapshots."""
    run = Run.create(tmp_path / "run", CONFIG)
    for step in (10, 0, 1_234_567):
        theta = CONFIG.architecture.initial_theta(torch.Generator().manual_seed(step))
        run.write_snapshot(step, theta)
    return run


def test_a_run_reads_back(run):
    again = Run(run.path)
    assert again.config == CONFIG and again.name == "run"
    assert again.snapshots() == [0, 10, 1_234_567]
    assert again.optimizer().architecture == CONFIG.architecture
    for step in again.snapshots():
        theta = CONFIG.architecture.initial_theta(torch.Generator().manual_seed(step))
        assert all(torch.equal(tensor, theta[name]) for name, tensor in again.optimizer(step).theta.items())
    assert read_tensors(run.snapshot_path(10), SNAPSHOT_FORMAT)[1]["outer_step"] == "10"


def test_the_last_snapshot_is_the_default(run):
    assert torch.equal(run.optimizer().theta["weight_hh"], run.optimizer(1_234_567).theta["weight_hh"])
    assert not torch.equal(run.optimizer().theta["weight_hh"], run.optimizer(0).theta["weight_hh"])


def test_other_files_among_the_snapshots_are_ignored(run):
    for name in (".000005.safetensors.x1", "notes.txt", "12.safetensors", "best.safetensors"):
        (run.path / "snapshots" / name).write_text("")
    assert run.snapshots() == [0, 10, 1_234_567]


def test_absent_snapshots(run, tmp_path):
    with pytest.raises(InputError, match=r"no snapshot at outer step 5: choose one of \[0, 10, 1234567\]"):
        run.optimizer(5)
    with pytest.raises(InputError, match="no snapshot yet"):
        Run.create(tmp_path / "new", CONFIG).optimizer()


def other_shape(path):
    theta, metadata = read_tensors(path, SNAPSHOT_FORMAT)
    write_tensors(path, theta | {"weight_ih": torch.zeros(9, 2)}, metadata)


def lacking(path):
    theta, metadata = read_tensors(path, SNAPSHOT_FORMAT)
    del theta["readout_bias"]
    write_tensors(path, theta, metadata)


def of_a_state(path):
    write_tensors(path, read_tensors(path, SNAPSHOT_FORMAT)[0], {"format": STATE_FORMAT})


def truncated(path):
    path.write_bytes(path.read_bytes()[:-7])


def pickled(path):
    path.write_bytes(pickle.dumps({"weight": 1}))


@pytest.mark.parametrize(
    "damage, words",
    [
        (other_shape, "does not match its run's config.json"),
        (lacking, "does not match its run's config.json"),
        (of_a_state, "must be 'loptscope-snapshot/1'"),
        (truncated, "is damaged or not a safetensors file"),
        (pickled, "is damaged or not a safetensors file"),
    ],
)
def test_damaged_snapshots_are_refused_by_name(run, damage, words):
    damage(run.snapshot_path(10))
    with pytest.raises(InputError) as caught:
        run.optimizer(10)
    assert "000010.safetensors" in str(caught.value) and words in str(caught.value)
    run.optimizer(0)


def test_curve_round_trip_is_exact(run):
    run.write_outer_losses(CURVE)
    assert repr(run.outer_losses()) == repr(CURVE)  # repr, since nan is not equal to itself


def test_a_run_that_has_not_begun_has_an_empty_curve(run):
    assert run.outer_losses() == []


HEADER = "outer_step,meta_loss,gradient_norm,learning_rate,diverged_problems,skipped,seconds"


@pytest.mark.parametrize(
    "lines, number",
    [
        ([HEADER, "1,0.5,0.1,0.003,0,0"], 2),
        ([HEADER, "1,0.5,0.1,0.003,0,0,1.0", "2,0.5,x,0.003,0,0,1.0"], 3),
        ([HEADER, "1,0.5,0.1,0.003,0,0,1.0,7"], 2),
        ([HEADER, "1.5,0.5,0.1,0.003,0,0,1.0"], 2),
        ([HEADER.replace("meta_loss", "loss"), "1,0.5,0.1,0.003,0,0,1.0"], 2),
        ([HEADER, "1,0.5,0.1,0.003,0,,1.0"], 2),
    ],
)
def test_a_damaged_line_of_the_curve_is_refused_by_file_and_number(run, lines, number):
    (run.path / "outer_loss.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(
        InputError, match=rf"outer_loss\.csv is damaged at line {number}: it needs outer_step, meta_loss"
    ):
        run.outer_losses()


def test_status_round_trip_and_damage(run):
    status = Status(state="failed", outer_step=3, outer_steps=8, message="no memory")
    run.write_status(status)
    assert run.status() == status
    for content in ('{"state": "asleep", "outer_step": 1, "outer_steps": 2}', '{"state": "running"', ""):
        (run.path / "status.json").write_text(content)
        with pytest.raises(InputError, match=r"status\.json is damaged"):
            run.status()


def test_training_state_round_trip(run):
    run.write_training_state({"theta.a": torch.ones(2)}, {"outer_step": "4"})
    tensors, counters = run.training_state()
    assert counters["outer_step"] == "4" and torch.equal(tensors["theta.a"], torch.ones(2))
    shutil.copy(run.snapshot_path(0), run.path / "training_state.safetensors")
    with pytest.raises(InputError, match=r"training_state\.safetensors is of another program or another format"):
        run.training_state()


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "damaged"),
        ("{}", "task is missing"),
        ('{"task": "quadratic"}', "unknown task 'quadratic'"),
        ('{"task": "rosenbrock", "units": 3}', "units is not a known setting"),
        ('{"task": "rosenbrock", "architecture": {"units": "few"}}', "architecture.units"),
        ('{"task": "rosenbrock", "format": "loptscope-run/2"}', "format"),
    ],
)
def test_a_damaged_config_is_refused_by_name(run, content, words):
    (run.path / "config.json").write_text(content)
    with pytest.raises(InputError) as caught:
        Run(run.path)
    assert str(run.path / "config.json") in str(caught.value) and words in str(caught.value)


def test_folders_that_hold_no_run(tmp_path, run):
    for path in (tmp_path, tmp_path / "absent", run.path / "config.json"):
        with pytest.raises(InputError, match=r"is not a run: it has no config\.json"):
            Run(path)
    with pytest.raises(InputError, match="is not empty"):
        Run.create(run.path, CONFIG)


def test_the_curve_is_appended_and_read_from_any_step_on(run):
    run.write_outer_losses([])
    assert run.outer_losses() == []
    run.append_outer_losses(CURVE[:1])
    run.append_outer_losses(CURVE[1:], sync=True)
    assert repr(run.outer_losses()) == repr(CURVE)
    assert repr(run.outer_losses(after=1)) == repr(CURVE[1:]) and run.outer_losses(after=5) == []


def test_a_line_that_is_being_written_is_not_there_yet(run):
    run.write_outer_losses(CURVE[:1])
    with (run.path / "outer_loss.csv").open("a") as file:
        file.write("2,0.12")
    assert run.outer_losses() == CURVE[:1]


def test_a_run_that_starts_from_a_snapshot_keeps_it(run, tmp_path):
    config = CONFIG.model_copy(update={"start": Start(run="run", outer_step=10)})
    theta = run.optimizer(10).theta
    started = Run.create(tmp_path / "started", config, theta)
    assert Run(started.path).config == config and run.start() is None
    assert all(torch.equal(tensor, theta[name]) for name, tensor in started.start().theta.items())
    for wrong in ((config, None), (CONFIG, theta)):
        with pytest.raises(InputError, match="start must come with"):
            Run.create(tmp_path / "wrong", *wrong)
    with pytest.raises(InputError, match="missing or unknown"):
        Run.create(tmp_path / "wrong", config, {"weight_hh": theta["weight_hh"]})
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "a\\b", "a b", "é", "a" * 101, "a\n"])
def test_what_cannot_be_the_name_of_a_run(name):
    assert not is_name(name)
    assert is_name("linear_regression-gru4-0a1b2c") and is_name("Mine.2")
