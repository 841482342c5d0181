"""Recording a training loop: the numbers are those of the loop, which goes on as if nobody watched."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import loptscope as ls
from core.errors import ConflictError, InputError
from core.runs import trash
from core.training_loop import recorder
from core.training_loop.recording import Arrays, Recording, is_recorded
from core.training_loop.sample import shares
from tests.core.training_loop.loops import loss_of, network, train


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def picked(recording: Recording, model: nn.Module, tensors: list[list[Tensor]]) -> np.ndarray:
    """The recorded components of lists of tensors, [K, C]."""
    order = {name: i for i, (name, _) in enumerate(model.named_parameters())}
    rows = [[step[order[c.tensor]].reshape(-1)[c.index].item() for c in recording.about.components] for step in tensors]
    return np.array(rows)


OPTIMIZERS: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "adam": lambda model: torch.optim.Adam(model.parameters(), lr=0.01),
    "sgd": lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
    "plain": lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
    "learned": lambda model: ls.torch_optimizer("two_moons-gru24")(model.parameters()),
    "adafactor": lambda model: torch.optim.Adafactor(model.parameters()),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_has_the_numbers_of_the_loop_and_changes_none(name: str, dtype: torch.dtype) -> None:
    alone, model = network(dtype), network(dtype)
    train(alone, OPTIMIZERS[name](alone), 12)
    optimizer = OPTIMIZERS[name](model)
    with ls.record(optimizer, model, "mine", components=20) as recording:
        losses, points, gradients = train(model, optimizer, 12, recording.loss)
    assert all(torch.equal(a, b) for a, b in zip(alone.parameters(), model.parameters(), strict=True))
    assert not optimizer._optimizer_step_pre_hooks and not optimizer._optimizer_step_post_hooks
    found = ls.open_recording("mine")
    arrays = found.arrays()
    assert found.state() == "finished" and len(found.about.components) == 20
    assert {c.tensor for c in found.about.components} == {name for name, _ in model.named_parameters()}
    assert arrays.steps.tolist() == list(range(12)) and arrays.losses.tolist() == losses
    values = picked(found, model, points)
    assert np.array_equal(arrays.parameters, values[:-1]) and np.allclose(
        arrays.updates, np.diff(values, axis=0), atol=1e-7
    )
    assert np.array_equal(arrays.gradients, picked(found, model, gradients))
    assert arrays.parameters.dtype == (np.float64 if dtype == torch.float64 else np.float32)


def test_the_states_are_those_before_each_step() -> None:
    model = network(torch.float64)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.8, 0.9))
    with ls.record(optimizer, model, "adam") as recording:
        train(model, optimizer, 5, recording.loss)
    found = ls.open_recording("adam")
    arrays, names = found.arrays(), found.about.state_names
    assert set(names) == {"step", "exp_avg", "exp_avg_sq"} and np.isnan(arrays.states[0]).all()
    m = np.zeros(arrays.gradients.shape[1])
    for k in range(1, 5):
        m = 0.8 * m + 0.2 * arrays.gradients[k - 1]
        assert np.allclose(arrays.states[k, :, names.index("exp_avg")], m, rtol=1e-12)
        assert (arrays.states[k, :, names.index("step")] == k).all()
    assert found.about.groups[0]["betas"] == [0.8, 0.9] and (arrays.rates == 0.01).all()


def test_a_learned_optimizer_comes_out_of_its_recording_again() -> None:
    model = network()
    optimizer = ls.torch_optimizer("two_moons-gru24")(model.parameters())
    with ls.record(optimizer, model, "learned") as recording:
        train(model, optimizer, 6, recording.loss)
    arrays = ls.open_recording("learned").arrays()
    same = ls.load("two_moons-gru24")
    with torch.no_grad():
        for k in range(1, 5):
            following, update = same.step(torch.tensor(arrays.states[k]), torch.tensor(arrays.gradients[k]))
            assert np.allclose(update, arrays.updates[k], atol=1e-6)
            assert np.allclose(following, arrays.states[k + 1], atol=1e-6)


def train_some(model: nn.Module, optimizer: torch.optim.Optimizer, recording: ls.Recorder) -> None:
    for step in range(3):
        optimizer.zero_grad()
        loss = loss_of(model, step)
        loss.backward()
        recording.loss(loss)
        optimizer.step()


def arrays_of(name: str) -> Arrays:
    return ls.open_recording(name).arrays()


def test_losses_after_the_steps_closures_and_several_for_one_step() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ls.record(optimizer, model, "after") as recording:
        for step in range(4):
            optimizer.zero_grad()
            loss_of(model, step).backward()
            optimizer.step()
            recording.loss(step)
    assert arrays_of("after").losses.tolist() == [0, 1, 2, 3]
    with ls.record(optimizer, model, "several") as recording:
        for step in range(3):
            for part in (1.0, 2.0):
                recording.loss(step + part)
            optimizer.step()
    assert arrays_of("several").losses.tolist() == [1.5, 2.5, 3.5]
    with ls.record(optimizer, model, "silent"):
        optimizer.step()
    assert np.isnan(arrays_of("silent").losses).all()


@pytest.mark.parametrize("keyword", [False, True])
def test_a_closure_tells_its_first_loss_and_gradients(keyword: bool) -> None:
    model = network()
    lbfgs = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def closure() -> Tensor:
        lbfgs.zero_grad()
        loss = loss_of(model, 0)
        loss.backward()
        return loss

    start = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    with ls.record(lbfgs, model, "closure"):
        losses = [(lbfgs.step(closure=closure) if keyword else lbfgs.step(closure)).item() for _ in range(2)]
    arrays, about = arrays_of("closure"), ls.open_recording("closure").about
    model.load_state_dict(start)
    loss_of(model, 0).backward()
    lbfgs.zero_grad()
    loss_of(model, 0).backward()
    own = dict(model.named_parameters())
    gradients = [own[c.tensor].grad.reshape(-1)[c.index].item() for c in about.components]  # type: ignore[union-attr]
    assert arrays.losses.tolist() == losses and np.array_equal(arrays.gradients[0], np.float32(gradients))


def test_groups_keep_their_rates_and_frozen_tensors_are_blank() -> None:
    model = network()
    model[0].weight.requires_grad_(False)  # type: ignore[union-attr]
    groups = [{"params": model[0].parameters(), "lr": 0.5}, {"params": model[2].parameters()}]  # type: ignore[index]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    with ls.record(optimizer, model, "groups") as recording:
        for step in range(3):
            optimizer.zero_grad()
            loss = loss_of(model, step)
            loss.backward()
            recording.loss(loss)
            optimizer.step()
            schedule.step()
    arrays, about = arrays_of("groups"), ls.open_recording("groups").about
    assert arrays.rates.tolist() == [[0.5, 0.1], [0.25, 0.05], [0.125, 0.025]]
    frozen = np.array([c.tensor == "0.weight" for c in about.components])
    assert (
        frozen.any() and np.isnan(arrays.gradients[:, frozen]).all() and np.isfinite(arrays.gradients[:, ~frozen]).all()
    )
    assert (arrays.updates[:, frozen] == 0).all() and {c.group for c in about.components} == {0, 1}


def test_a_learned_optimizer_leaves_frozen_tensors_blank() -> None:
    model = network()
    model[0].weight.requires_grad_(False)  # type: ignore[union-attr]
    optimizer = ls.torch_optimizer("linear_regression-vanilla2")(model.parameters())
    with ls.record(optimizer, model, "frozen") as recording:
        train_some(model, optimizer, recording)
    arrays, about = arrays_of("frozen"), ls.open_recording("frozen").about
    frozen = np.array([c.tensor == "0.weight" for c in about.components])
    assert np.isnan(arrays.states[1:, frozen]).all() and np.isfinite(arrays.states[1:, ~frozen]).all()


def test_strides_do_not_matter() -> None:
    plain, turned = network(), network()
    turned[0].weight.data = turned[0].weight.data.t().contiguous().t()  # type: ignore[union-attr, operator]
    for name, model in (("plain", plain), ("turned", turned)):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        with ls.record(optimizer, model, name) as recording:
            train_some(model, optimizer, recording)
    for one, other in zip(vars(arrays_of("plain")).values(), vars(arrays_of("turned")).values(), strict=True):
        assert np.allclose(one, other, equal_nan=True, atol=1e-6)


def test_it_is_bounded_dense_at_first_and_thinner_later(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [step for step in range(10_000) if is_recorded(step, 64)]
    assert kept[:64] == list(range(64)) and len(kept) < 64 + 32 * 8
    gaps = np.diff(kept)
    assert set(gaps.tolist()) == {2**i for i in range(9)} and (np.diff(gaps) >= 0).all()
    monkeypatch.setattr(recorder, "DENSE", (8, 8))
    monkeypatch.setattr(recorder, "WAITING", 3)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with ls.record(optimizer, model, "long") as recording:
        losses = train(model, optimizer, 60, recording.loss)[0]
    arrays = arrays_of("long")
    expected = [step for step in range(60) if is_recorded(step, 8)]
    assert arrays.steps.tolist() == expected and arrays.losses.tolist() == [losses[step] for step in expected]


def test_every_tensor_has_its_share() -> None:
    assert shares([1000, 10, 1], 20) == [18, 1, 1] or sum(shares([1000, 10, 1], 20)) == 20
    assert shares([3, 2], 64) == [3, 2] and shares([5] * 10, 4).count(1) == 4
    for sizes, count in (([1000, 10, 1], 20), ([64, 64, 4096, 64], 64), ([7, 7, 7], 20), ([1] * 5, 5)):
        given = shares(sizes, count)
        assert sum(given) == min(count, sum(sizes)) and all(
            0 < few <= size for few, size in zip(given, sizes, strict=True)
        )


def test_an_error_in_the_loop_ends_it_and_is_told() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def broken() -> None:
        with ls.record(optimizer, model, "broken") as recording:
            train(model, optimizer, 3, recording.loss)
            raise RuntimeError("out of\nmemory")

    with pytest.raises(RuntimeError):
        broken()
    found = ls.open_recording("broken")
    end = found.end()
    assert (
        found.state() == "failed" and end is not None and (end.steps, end.error) == (3, "RuntimeError: out of memory")
    )
    assert len(found) == 3


LOOP = """
import torch, sys, time
import loptscope as ls
from core.training_loop import recorder
recorder.SECONDS = 0.0
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.Adam(model.parameters())
with ls.record(optimizer, model, "killed") as recording:
    for step in range(10**9):
        recording.loss(float(step))
        optimizer.step()
        if step == 40:
            print("going", flush=True)
"""


@pytest.mark.long
def test_what_is_killed_keeps_what_was_written(folder: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", textwrap.dedent(LOOP)]
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "going\n"
        assert ls.open_recording("killed").state() == "recording"
        with pytest.raises(ConflictError, match="killed is being"):
            trash.move_to_trash(folder / "killed")
        process.send_signal(signal.SIGKILL)
    found = ls.open_recording("killed")
    with (folder / "killed" / "steps.bin").open("ab") as file:
        file.write(b"half a record")
    arrays = found.arrays()
    assert found.state() == "interrupted" and len(arrays.steps) >= 40
    assert arrays.losses.tolist() == arrays.steps.tolist()
    trash.move_to_trash(folder / "killed")
    assert not (folder / "killed").exists() and [item.name for item in trash.deleted()] == ["killed"]


def test_a_full_disk_ends_the_recording_and_not_the_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, alone = network(), network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train(alone, torch.optim.SGD(alone.parameters(), lr=0.1), 6)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def watched() -> None:
        with ls.record(optimizer, model, "full") as recording:
            train(model, optimizer, 6, recording.loss)

    monkeypatch.setattr(recorder, "write_json", full)
    with pytest.warns(UserWarning, match=r"the recording full stops at step 0, and the training goes on: No space"):
        watched()
    assert not (folder / "full").exists()
    assert all(torch.equal(a, b) for a, b in zip(alone.parameters(), model.parameters(), strict=True))


def test_bad_input_is_one_sentence_and_leaves_nothing(folder: Path) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for wrong, sentence in (
        ({"optimizer": model}, "must be a torch.optim.Optimizer"),
        ({"model": 3}, "must be a torch.nn.Module"),
        ({"components": 0}, "components must be a whole number from 1 to 1024"),
        ({"name": "../x"}, "the name of a recording"),
        ({"model": nn.Linear(2, 2)}, "none of the model's parameters"),
    ):
        with pytest.raises(InputError, match=sentence):
            ls.record(**{"optimizer": optimizer, "model": model, **wrong})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="took no step"), ls.record(optimizer, model, "none"):
        pass
    assert not folder.exists() or not list(folder.iterdir())
    with ls.record(optimizer, model, "once") as recording:
        with pytest.raises(InputError, match="loss must be one number"):
            recording.loss(torch.zeros(2))
        optimizer.step()
    with pytest.raises(ConflictError, match="exists already"), ls.record(optimizer, model, "once"):
        pass
    with pytest.raises(InputError, match=r"there is no recording 'nothing' \(recorded: once\)"):
        ls.open_recording("nothing")
    (folder / "once" / "recording.json").write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        ls.open_recording("once")
