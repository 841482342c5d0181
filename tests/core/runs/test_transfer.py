"""A run as one file, and back; weights from elsewhere."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from core.errors import InputError
from core.optimizers import Architecture
from core.outer.trainer import train
from core.runs import zoo
from core.runs.run import Run
from core.runs.transfer import ABOUT, export_weights, import_renn, import_weights

RENN = Path(__file__).parents[2] / "data" / "renn" / "gru"
SMALL = Architecture(cell="vanilla", units=2)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def weights(architecture=SMALL, **changes):
    theta = architecture.initial_theta(torch.Generator().manual_seed(1)) | changes
    return {name: tensor for name, tensor in theta.items() if tensor is not None}


def content(metadata=None, **changes):
    return safetensors.torch.save(weights(**changes), metadata)


@pytest.mark.parametrize("step", [None, 0])
def test_a_file_comes_back_to_the_bit(root, step):
    shipped = zoo.find_run("linear_regression-vanilla2")
    made = import_weights(export_weights(shipped, step), name="mine", task="linear_regression")
    expected = shipped.snapshots()[-1] if step is None else step
    assert made.snapshots() == [expected]
    ours, theirs = made.optimizer().theta, shipped.optimizer(step).theta
    assert ours.keys() == theirs.keys()
    assert all(ours[name].numpy().tobytes() == theirs[name].numpy().tobytes() for name in theirs)
    assert made.config == shipped.config.model_copy(update={"provenance": "imported"})
    assert made.status().state == "finished"
    assert [run.name for run in zoo.own_runs()] == ["mine"]
    assert [path.name for path in root.iterdir()] == ["mine"]
    assert zoo.find_run("mine").path == made.path


def test_what_was_imported_can_be_exported_and_imported_again(root):
    once = import_weights(content(), name="once", task="rosenbrock", architecture=SMALL)
    twice = import_weights(export_weights(once), name="twice", task="rosenbrock")
    assert twice.config == once.config
    assert all(torch.equal(tensor, once.optimizer().theta[name]) for name, tensor in twice.optimizer().theta.items())


def test_on_another_task_only_the_architecture_is_kept(root):
    shipped = zoo.find_run("rosenbrock-gru64")
    made = import_weights(export_weights(shipped), name="moved", task="linear_regression")
    assert made.config.task == "linear_regression"
    assert made.config.architecture == shipped.config.architecture
    assert made.config.provenance == "imported"


def test_it_cannot_go_on(root):
    run = import_weights(content(), name="mine", task="linear_regression", architecture=SMALL)
    with pytest.raises(InputError, match="was imported and cannot be resumed: train a new run with --start mine"):
        train(run.path, run.config, resume=True)


def test_it_can_be_started_from(root):
    run = import_weights(content(), name="mine", task="linear_regression", architecture=SMALL)
    start, theta = zoo.starting_point("mine")
    assert start == {"run": "mine", "outer_step": 0}
    assert torch.equal(theta["weight_hh"], run.optimizer().theta["weight_hh"])


def test_renn_files_become_a_run(root):
    files = (RENN / "theta.bin").read_bytes(), (RENN / "config.yml").read_bytes()
    run = import_renn(*files, name="published", task="linear_regression")
    assert run.config.architecture.label == "GRU-12"
    assert run.config.architecture.reset == "before"
    assert run.snapshots() == [5000] and run.config.outer_steps == 5000
    assert run.status().state == "finished"


REFUSED = {
    "no safetensors": (b"nonsense", {}, "damaged or not a safetensors file"),
    "empty": (b"", {}, "damaged or not a safetensors file"),
    "cut short": (content()[:-4], {}, "damaged or not a safetensors file"),
    "too large": (b"\x00" * (2**25 + 1), {}, "at most 33,554,432 are read"),
    "no architecture": (content(), {"architecture": None}, "does not contain its architecture"),
    "another cell": (content(), {"architecture": Architecture(cell="gru", units=2)}, "weight_ih of a GRU-2 has shape"),
    "a missing tensor": (content(bias_hh=None), {}, "missing or unknown: bias_hh"),
    "one too many": (content(extra=torch.zeros(1)), {}, "missing or unknown: extra"),
    "NaN": (
        content(readout_bias=torch.tensor(torch.nan)),
        {},
        "readout_bias must contain finite float32 numbers",
    ),
    "double": (content(readout_bias=torch.tensor(0.0).double()), {}, "must contain float32 numbers (F32)"),
    "damaged words": (content({ABOUT: '{"config": 3}'}), {}, "the file's metadata is damaged"),
    "a path": (content(), {"name": "../mine"}, "a name has up to 100 letters"),
    "a hidden name": (content(), {"name": ".mine"}, "a name has up to 100 letters"),
    "a shipped name": (content(), {"name": "rosenbrock-gru64"}, "ships with Loptscope"),
    "a hand-designed name": (content(), {"name": "adam"}, "ships with Loptscope"),
    "no task": (content(), {"task": "chess"}, "unknown task 'chess'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_in_one_sentence_and_leaves_nothing(root, case):
    given, changes, message = REFUSED[case]
    asked = {"name": "mine", "task": "linear_regression", "architecture": SMALL, **changes}
    with pytest.raises(InputError) as refused:
        import_weights(given, **asked)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not root.exists() or not list(root.iterdir())


def test_a_name_that_is_taken_is_refused(root):
    import_weights(content(), name="mine", task="linear_regression", architecture=SMALL)
    with pytest.raises(InputError, match="exists already"):
        import_weights(content(), name="mine", task="linear_regression", architecture=SMALL)
    assert Run(root / "mine").snapshots() == [0]


def test_another_architecture_than_the_file_says_is_refused(root):
    exported = export_weights(zoo.find_run("linear_regression-vanilla2"))
    with pytest.raises(InputError, match="a different architecture"):
        import_weights(exported, name="mine", task="linear_regression", architecture=Architecture(units=3))
