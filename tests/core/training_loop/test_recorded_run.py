"""The general instruments on recordings: known answers of hand-designed optimizers in a real training."""

from pathlib import Path

import pytest
import torch

import loptscope as ls
from core.analysis.general import decay_along, kernel_along, update_functions
from core.training_loop.recorded_run import recorded_run
from tests.core.training_loop.loops import network, recorded, train


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))


def test_the_kernel_of_momentum_in_a_training_is_its_closed_form() -> None:
    recording = recorded("momentum", lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), 20)
    met = recorded_run(recording, [5])
    wanted = 0.1 * 0.9 ** torch.arange(9, dtype=torch.float64)
    torch.testing.assert_close(kernel_along(met, 5, 3, 8), wanted, rtol=1e-8, atol=0)
    assert decay_along(met, 5, 3) == 0 and met.steps == 20


def test_weight_decay_in_a_training_is_rate_times_decay() -> None:
    recording = recorded("adamw", lambda model: torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1), 20)
    met = recorded_run(recording, [5])
    assert decay_along(met, 5, 3) == pytest.approx(1e-3, rel=1e-6)


def test_a_learned_optimizer_moves_as_recorded() -> None:
    recording = recorded("learned", lambda model: ls.torch_optimizer("two_moons-gru24")(model.parameters()), 20)
    met, arrays = recorded_run(recording, [7]), recording.arrays()
    grid = torch.tensor(arrays.gradients[7, 4:5]).double()
    assert float(update_functions(met, 7, [4], grid)) == pytest.approx(float(arrays.updates[7, 4]), rel=1e-3)
    assert kernel_along(met, 7, 4, 5).abs().max() > 0


def test_what_it_cannot_do_is_one_sentence() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    with ls.record(optimizer, model, "schedule"):
        for _ in range(4):
            train(model, optimizer, 1)
            schedule.step()
    recording = ls.open_recording("schedule")
    for arguments, sentence in (
        (([1],), "that of schedule changes"),
        (([4],), "step 4 is not among the first steps of schedule, 0 to 3"),
        (([1], 1), "no recorded component in parameter group 1"),
    ):
        with pytest.raises(ls.InputError, match=sentence):
            recorded_run(recording, *arguments)
