"""What a view of a recording shows: the optimizer again, or the reason why it cannot be run again."""

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import loptscope as ls
from core.bundle import Bundle
from core.errors import InputError
from core.training_loop.bundle import POINTS, recording_bundle, stride_of
from core.training_loop.recording import is_recorded
from tests.core.training_loop.loops import network, recorded, train


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


AGAIN: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "adam": lambda model: torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.8, 0.99)),
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1),
    "momentum": lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
    "sgd": lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
    "rmsprop": lambda model: torch.optim.RMSprop(model.parameters(), lr=0.01, alpha=0.9),
    "learned": lambda model: ls.torch_optimizer("two_moons-gru24")(model.parameters(), lr=0.5),
}


@pytest.mark.parametrize("name", AGAIN)
def test_the_optimizer_runs_again_from_its_recorded_states(name: str) -> None:
    bundle = Bundle.decode(recording_bundle(recorded(name, AGAIN[name], 12)).encode())
    arrays, about = bundle.arrays, bundle.about
    assert (
        about["not_again"] is None
        and list(about["missing"]) == ["landscape"]
        and about["steps"] == 11
        and about["stride"] == 1
    )
    for component in range(20):
        for k in range(1, 12):  # the first step of Adam is a jump between two gradients of the grid
            curve = np.interp(arrays["gradient"][component, k], arrays["gradient_grid"], arrays["update"][component, k])
            assert abs(curve - arrays["applied"][component, k]) <= 0.05 * np.abs(arrays["update"][component, k]).max()
    assert arrays["state"].shape == (20, 12, 2) and np.isfinite(arrays["state"]).all()
    if name == "sgd":
        assert np.allclose(arrays["rate"], 0.1) and about["state_names"] == []
    if name == "learned":
        assert len(about["state_names"]) == 24 and about["fixed_point"]["converged"]


def test_a_schedule_is_followed() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    with ls.record(optimizer, model, "schedule"):
        for _ in range(6):
            train(model, optimizer, 1)
            schedule.step()
    arrays = recording_bundle(ls.open_recording("schedule")).arrays
    assert np.allclose(arrays["rate"], 0.1 * 0.9 ** np.arange(6), rtol=1e-6)


WHOLE = ("Adafactor", "Muon")  # they see more than one component at a time
TORCH = [
    (name, kind)
    for name, kind in sorted(vars(torch.optim).items())
    if inspect.isclass(kind)
    and issubclass(kind, torch.optim.Optimizer)
    and name not in ("Optimizer", "LBFGS", "SparseAdam")
]


@pytest.mark.long
@pytest.mark.parametrize("name, kind", TORCH)
def test_every_component_wise_optimizer_of_torch_runs_again(
    name: str, kind: Callable[..., torch.optim.Optimizer]
) -> None:
    def make(model: nn.Module) -> torch.optim.Optimizer:
        return kind([tensor for tensor in model.parameters() if tensor.ndim == 2 or name != "Muon"], lr=1e-2)

    bundle = recording_bundle(recorded(name, make, 30))
    assert ("update" in bundle.arrays) == (name not in WHOLE), bundle.about["not_again"]


def test_groups_that_keep_different_things_and_parameters_that_are_never_stepped_run_again() -> None:
    def make(model: nn.Module) -> torch.optim.Optimizer:
        weights = [one for one in model.parameters() if one.ndim == 2]
        weights[0].requires_grad_(False)  # it stays in its group, without a gradient
        others = [one for one in model.parameters() if one.ndim != 2]
        return torch.optim.AdamW(
            [{"params": weights, "weight_decay": 0.5}, {"params": others, "weight_decay": 0.0}], lr=1e-2
        )

    bundle = recording_bundle(recorded("groups", make, 12))
    assert bundle.about["not_again"] is None
    known = np.isfinite(bundle.arrays["rate"]).all(1)
    assert known.any() and not known.all()
    assert (bundle.arrays["applied"][~known] == 0).all() and np.abs(bundle.arrays["applied"][known]).min() > 0


def test_a_model_in_half_precision_says_that_rounding_hides_its_updates() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3).bfloat16()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with ls.record(optimizer, model, "half"):
        for _ in range(8):
            optimizer.zero_grad()
            model(torch.randn(5, 4).bfloat16()).square().mean().backward()
            optimizer.step()
    assert "kept in bfloat16, and rounding" in recording_bundle(ls.open_recording("half")).about["not_again"]


class Stubborn(torch.optim.SGD):
    """It is of no package that may be imported again."""


@pytest.mark.parametrize(
    "optimizer, why",
    [
        (lambda model: torch.optim.Adafactor(model.parameters()), "Adafactor does not work component by component"),
        (
            lambda model: torch.optim.Muon([weight for weight in model.parameters() if weight.ndim == 2]),
            "Muon does not work component by component",
        ),
        (lambda model: Stubborn(model.parameters(), lr=0.1), "Stubborn is not one of torch.optim's optimizers"),
    ],
)
def test_what_cannot_run_again_says_why_and_shows_the_rest(
    optimizer: Callable[[nn.Module], torch.optim.Optimizer], why: str
) -> None:
    bundle = recording_bundle(recorded("other", optimizer, 8))
    assert why in bundle.about["not_again"] and "update" not in bundle.arrays
    assert np.abs(bundle.arrays["applied"]).max() > 0 and np.isfinite(bundle.arrays["rate"]).all()


def test_gradients_that_are_changed_behind_its_back_are_noticed() -> None:
    class Clipping(torch.optim.Optimizer):
        def __init__(self, inner: torch.optim.Optimizer):
            super().__init__(inner.param_groups, inner.defaults)
            self.inner = inner

        def step(self, closure: None = None) -> None:  # type: ignore[override]
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.grad *= 0.1
            self.inner.step()

    Clipping.__module__, Clipping.__qualname__ = "torch.optim.sgd", "SGD"
    recording = recorded("clipped", lambda model: Clipping(torch.optim.SGD(model.parameters(), lr=0.1)), 5)
    assert "does not give the recorded updates in 100 % of the cases" in recording_bundle(recording).about["not_again"]


def test_a_recorded_learned_optimizer_needs_no_other_file(folder: Path) -> None:
    recorded("learned", AGAIN["learned"], 4)
    weights = folder / "learned" / "optimizer.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    damaged = recording_bundle(ls.open_recording("learned"))
    assert "damaged" in damaged.about["not_again"] and "damaged" not in str(damaged.arrays)
    weights.unlink()
    assert "is not registered here" in recording_bundle(ls.open_recording("learned")).about["not_again"]


def test_the_steps_of_a_view_are_all_recorded_and_evenly_spaced() -> None:
    for dense in (64, 300, 2048):
        for last in (0, 1, 63, 200, 201, 1000, 5000, 123_456):
            stride = stride_of(last, dense)
            steps = range(0, last + 1, stride)
            assert all(is_recorded(step, dense) for step in steps)
            assert len(steps) <= POINTS + 1 and (stride == 1 or len(steps) > 30)
    recording = recorded("long", AGAIN["sgd"], 500, components=3)
    whole, first = recording_bundle(recording), recording_bundle(recording, "first")
    assert (whole.about["stride"], whole.about["steps"], whole.about["last_step"]) == (4, 124, 496)
    assert (first.about["stride"], first.about["steps"], first.about["last_step"]) == (1, 200, 200)
    assert np.array_equal(whole.arrays["losses"][0, :10], first.arrays["losses"][0, :40:4])


def test_losses_that_are_missing_or_negative_are_told() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ls.record(optimizer, model, "silent"):
        train(model, optimizer, 3)
    assert "recording.loss" in recording_bundle(ls.open_recording("silent")).about["missing"]["loss"]
    with ls.record(optimizer, model, "negative") as recording:
        for loss in (1.0, -1.0, 0.0, float("nan")):
            recording.loss(loss)
            train(model, optimizer, 1)
    about = recording_bundle(ls.open_recording("negative")).about
    assert about["not_positive"] == 2 and about["first_nonfinite"] == {"learned": 3}


def test_a_damaged_recording_is_one_sentence(folder: Path) -> None:
    recording = recorded("broken", AGAIN["sgd"], 4)
    path = folder / "broken" / "steps.bin"
    content = path.read_bytes()
    path.write_bytes(content[len(content) // 4 :])
    with pytest.raises(InputError, match="the steps do not ascend from 0"):
        recording_bundle(recording)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="broken has no recorded step yet"):
        recording_bundle(recording)
