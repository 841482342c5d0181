"""What a GPU would do, on the CPU: torch's own operations against the compiled code, and where there is no device."""

from pathlib import Path

import pytest
import torch

from core.baselines.search import search
from core.device import device_of
from core.errors import InputError
from core.evaluation.held_out import compare
from core.optimizers.hand_designed import make_hand_designed
from core.outer.gradient import Workers, outer_gradient
from core.outer.trainer import train
from core.tasks import make_task
from tests.core.helpers import learned, small_config, small_problems

CPU = torch.device("cpu")


@pytest.mark.parametrize("task", ["linear_regression", "rosenbrock", "two_moons"])
@pytest.mark.parametrize("architecture", [{"cell": "gru"}, {"cell": "lstm", "features": "symlog"}, {"cell": "vanilla"}])
@pytest.mark.parametrize("adjoint_clip", [None, 1e-3])
def test_the_outer_gradient_is_that_of_compiled_code(
    task: str, architecture: dict[str, str], adjoint_clip: float | None
) -> None:
    optimizer, problems = learned(units=6, output_scale=0.01, **architecture), small_problems(task)
    compiled, generic = (
        outer_gradient(optimizer, problems, 7, adjoint_clip, workers=workers)
        for workers in (Workers(1), Workers(device=CPU))
    )
    torch.testing.assert_close(generic.meta_losses, compiled.meta_losses, rtol=1e-5, atol=0)
    for name, expected in compiled.gradients.items():
        torch.testing.assert_close(
            generic.gradients[name], expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max())
        )


@pytest.mark.parametrize("settings", [{}, {"truncation": 3}, {"estimator": "evolution", "pairs": 2, "truncation": 3}])
def test_trainings_go_the_same_way(settings: dict[str, object], tmp_path: Path) -> None:
    config = small_config(**settings)
    ends = []
    for name, workers in (("compiled", Workers(1)), ("generic", Workers(device=CPU))):
        run = train(tmp_path / name, config, workers=workers)
        ends.append([step.meta_loss for step in run.outer_losses()])
    assert ends[0] == pytest.approx(ends[1], rel=1e-4) and len(ends[0]) == config.outer_steps


def test_evaluation_and_tuning_take_a_device() -> None:
    task = make_task("linear_regression")
    contenders = {"learned": learned(dtype=torch.float32, units=4), "adam": make_hand_designed("adam", {})}
    here, there = (compare(task, contenders, problems=4, steps=12, device=device) for device in (None, CPU))
    assert here == there
    found = [search(task, "adam", draws=6, steps=12, rungs=[(2, 6)], device=device) for device in (None, CPU)]
    assert found[0].tuned == found[1].tuned


def test_a_missing_device_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of() is None and device_of("cpu") is None
    with pytest.raises(InputError, match="there is no CUDA device here"):
        device_of("cuda")
    with pytest.raises(InputError, match="device"):
        device_of("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of() == device_of("cuda") == torch.device("cuda") and device_of("cpu") is None
