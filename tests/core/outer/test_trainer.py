import shutil
from dataclasses import replace

import pytest
import torch

from core.errors import InputError
from core.files.atomic import read_tensors, write_tensors
from core.meta_loss import meta_loss
from core.optimizers import RecurrentOptimizer
from core.outer import trainer
from core.outer.gradient import outer_gradient
from core.outer.trainer import train
from core.runs.run import SNAPSHOT_FORMAT, STATE_FORMAT
from core.seeds import Purpose, generator
from core.unroll import unroll
from tests.core.helpers import small_config

CONFIG = small_config(learning_rate_halving=3, gradient_clip=0.05)


def stop_after(outer_step):
    return lambda step: step.outer_step < outer_step


def snapshots_of(run):
    return {step: read_tensors(run.snapshot_path(step), SNAPSHOT_FORMAT)[0] for step in run.snapshots()}


def assert_same_run(run, reference):
    """Snapshots, training state and curve bit for bit, apart from the time it took."""
    actual, expected = snapshots_of(run), snapshots_of(reference)
    actual["state"], expected["state"] = run.training_state()[0], reference.training_state()[0]
    assert actual.keys() == expected.keys()
    for step in expected:
        assert actual[step].keys() == expected[step].keys()
        for name, tensor in expected[step].items():
            assert torch.equal(actual[step][name], tensor), (step, name)
    curves = ([replace(step, seconds=0.0) for step in r.outer_losses()] for r in (run, reference))
    assert next(curves) == next(curves)
    assert run.status().model_copy(update={"seconds": 0.0}) == reference.status().model_copy(update={"seconds": 0.0})


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A run that was never stopped."""
    return train(tmp_path_factory.mktemp("reference") / "run", CONFIG)


def test_it_is_adam_along_the_clipped_outer_gradient(reference):
    """The whole loop written out with torch.optim and torch's own gradient clipping."""
    theta = CONFIG.architecture.initial_theta(generator(Purpose.INITIALIZE, CONFIG.seed))
    leaves = {name: torch.nn.Parameter(tensor) for name, tensor in theta.items()}
    adam = torch.optim.Adam(leaves.values(), lr=CONFIG.learning_rate)
    curve = reference.outer_losses()
    for t in range(CONFIG.outer_steps):
        problems = CONFIG.make_task().sample(CONFIG.problems, generator(Purpose.TRAIN, CONFIG.seed, t))
        optimizer = RecurrentOptimizer(CONFIG.architecture, leaves)
        outer = outer_gradient(optimizer, problems, CONFIG.unroll, CONFIG.adjoint_clip)
        for name, leaf in leaves.items():
            leaf.grad = outer.gradients[name].clone()
        norm = torch.nn.utils.clip_grad_norm_(leaves.values(), CONFIG.gradient_clip)
        adam.param_groups[0]["lr"] = CONFIG.learning_rate * 0.5 ** (t / 3)
        adam.step()
        assert curve[t].outer_step == t + 1
        assert curve[t].meta_loss == pytest.approx(outer.meta_losses.mean().item(), rel=1e-4)
        assert curve[t].gradient_norm == pytest.approx(norm.item(), rel=1e-3)
        assert curve[t].learning_rate == pytest.approx(CONFIG.learning_rate * 0.5 ** (t / 3))
    final = snapshots_of(reference)[CONFIG.outer_steps]
    for name, leaf in leaves.items():
        torch.testing.assert_close(final[name], leaf.detach(), rtol=1e-3, atol=1e-5)


def test_a_finished_run(reference):
    assert reference.snapshots() == [0, 1, 3, 8]
    status = reference.status()
    assert (status.state, status.outer_step, status.outer_steps) == ("finished", 8, 8)
    assert (status.diverged_problems, status.skipped_steps, status.message) == (0, 0, "")
    initial = CONFIG.architecture.initial_theta(generator(Purpose.INITIALIZE, CONFIG.seed))
    assert all(torch.equal(tensor, initial[name]) for name, tensor in snapshots_of(reference)[0].items())


def test_the_same_twice_and_another_with_another_seed(reference, tmp_path):
    assert_same_run(train(tmp_path / "again", CONFIG), reference)
    other = train(tmp_path / "other", CONFIG.model_copy(update={"seed": 1}))
    assert other.outer_losses()[0].meta_loss != reference.outer_losses()[0].meta_loss


@pytest.mark.parametrize("stops", [(1,), (3,), (7,), (2, 3, 5)])
def test_stopped_and_resumed_equals_never_stopped(reference, tmp_path, stops):
    path = tmp_path / "run"
    for number, stop in enumerate(stops):
        run = train(path, CONFIG, resume=number > 0, on_step=stop_after(stop))
        assert (run.status().state, run.status().outer_step) == ("stopped", stop)
        assert len(run.outer_losses()) == stop
    assert_same_run(train(path, CONFIG, resume=True), reference)


@pytest.mark.parametrize("killed_at", [2, 5])
def test_killed_and_resumed_from_an_older_state(reference, tmp_path, killed_at, monkeypatch):
    """Nothing after the last regular save survives but snapshots; here the only save is after outer step 1."""
    path = tmp_path / "run"
    monkeypatch.setattr(trainer, "SAVE_EVERY", -1.0)

    class Killed(BaseException):
        pass

    def kill(step):
        monkeypatch.setattr(trainer, "SAVE_EVERY", 1e9)
        if step.outer_step == killed_at:
            raise Killed
        return True

    with pytest.raises(Killed):
        train(path, CONFIG, on_step=kill)
    assert read_tensors(path / "training_state.safetensors", STATE_FORMAT)[1]["outer_step"] == "1"
    assert trainer.Run(path).status().state == "running"
    assert_same_run(train(path, CONFIG, resume=True), reference)


def test_killed_before_the_first_save(reference, tmp_path):
    path = tmp_path / "run"

    def kill(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(path, CONFIG, on_step=kill)
    assert not (path / "training_state.safetensors").exists()
    assert_same_run(train(path, CONFIG, resume=True), reference)


def test_a_curve_that_is_ahead_of_the_training_state_is_cut(reference, tmp_path):
    path = tmp_path / "run"
    train(path, CONFIG, on_step=stop_after(3))
    shutil.copy(reference.path / "outer_loss.csv", path)
    assert_same_run(train(path, CONFIG, resume=True), reference)


def test_resuming_a_finished_run_changes_nothing(reference, tmp_path):
    path = shutil.copytree(reference.path, tmp_path / "run")
    assert_same_run(train(path, CONFIG, resume=True, on_step=pytest.fail), reference)


def test_stopping_at_the_last_step_is_finishing(tmp_path):
    assert train(tmp_path / "run", CONFIG, on_step=stop_after(8)).status().state == "finished"


@pytest.mark.parametrize("adjoint_clip", [None, 0.1])
def test_diverging_steps_are_counted_and_leave_theta_alone(tmp_path, adjoint_clip):
    config = small_config(
        task="rosenbrock",
        architecture={"units": 4, "output_scale": 1e20},
        outer_steps=3,
        snapshots=3,
        adjoint_clip=adjoint_clip,
    )
    run = train(tmp_path / "run", config)
    kept = snapshots_of(run)
    curve = run.outer_losses()
    assert [step.diverged_problems for step in curve] == [3, 3, 3]
    assert run.status().diverged_problems == 9
    assert not any(torch.isfinite(torch.tensor(step.meta_loss)) for step in curve)
    skipped = [step.skipped for step in curve]
    assert run.status().skipped_steps == sum(skipped)
    assert [int(not torch.isfinite(torch.tensor(step.gradient_norm))) for step in curve] == skipped
    if adjoint_clip is None:
        assert skipped == [1, 1, 1]
        assert all(torch.equal(kept[0][name], kept[3][name]) for name in kept[0])
    assert all(torch.isfinite(tensor).all() for tensor in kept[3].values())
    train(tmp_path / "run", config, resume=True)


def test_training_lowers_the_meta_loss_on_held_out_problems(tmp_path):
    config = small_config(outer_steps=80, problems=16, unroll=12, architecture={"units": 8}, learning_rate=0.01)
    run = train(tmp_path / "run", config)
    curve = [step.meta_loss for step in run.outer_losses()]
    assert sum(curve[-10:]) < 0.85 * sum(curve[:10])
    held_out = config.make_task().sample(64, generator(Purpose.EVALUATE, 0))
    before, after = (
        meta_loss(unroll(run.optimizer(step), held_out, config.unroll, record=()).losses).mean() for step in (0, 80)
    )
    assert after < 0.85 * before


@pytest.mark.parametrize("change", [{"seed": 3}, {"outer_steps": 20}, {"learning_rate": 0.1, "unroll": 3}])
def test_resuming_with_another_config_is_refused(reference, change):
    with pytest.raises(InputError, match=" and ".join(k for k in type(CONFIG).model_fields if k in change)):
        train(reference.path, CONFIG.model_copy(update=change), resume=True)


def test_resuming_where_there_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a run"):
        train(tmp_path, CONFIG, resume=True)


def test_a_folder_that_holds_something_is_refused(reference, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for path in (tmp_path, reference.path, tmp_path / "notes.txt"):
        with pytest.raises(InputError, match="is not empty"):
            train(path, CONFIG)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_is_fit(tmp_path):
    assert train(tmp_path, small_config(outer_steps=1)).status().state == "finished"


def drop(tensors, counters):
    tensors.pop("theta.weight_hh")


def reshape(tensors, counters):
    tensors["theta.weight_hh"] = torch.zeros(5, 7)


def uncounted(tensors, counters):
    counters["outer_step"] = "three"


def countless(tensors, counters):
    del counters["seconds"]


@pytest.mark.parametrize("damage", [drop, reshape, uncounted, countless])
def test_a_damaged_training_state_is_refused_by_name(reference, tmp_path, damage):
    path = shutil.copytree(reference.path, tmp_path / "run")
    file = path / "training_state.safetensors"
    tensors, counters = read_tensors(file, STATE_FORMAT)
    damage(tensors, counters)
    write_tensors(file, tensors, counters)
    with pytest.raises(InputError, match=r"training_state\.safetensors is damaged or from another run"):
        train(path, CONFIG, resume=True)


def test_a_curve_that_is_too_short_is_refused_by_name(reference, tmp_path):
    path = shutil.copytree(reference.path, tmp_path / "run")
    lines = (path / "outer_loss.csv").read_text().splitlines(keepends=True)
    (path / "outer_loss.csv").write_text("".join(lines[:4]))
    with pytest.raises(InputError, match=r"outer_loss\.csv ends before outer step 8"):
        train(path, CONFIG, resume=True)
