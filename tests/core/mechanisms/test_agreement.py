"""The report on agreement: calibrated on optimizers whose answer is known, held against untrained ones."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.mechanisms import agreement as agreements
from core.mechanisms.agreement import NAME, agreement, agreement_report, rates_over_windows, said, windows_of
from core.mechanisms.context import Context
from core.mechanisms.measures import Measure
from core.mechanisms.null import COUNT, Null, measure_null
from core.optimizers import make_hand_designed
from core.optimizers.module_tensors import TensorwiseModule
from core.optimizers.recurrent import Architecture
from core.optimizers.torch_class import TorchClass
from core.optimizers.wrapping import _whole, wrap
from core.runs import zoo
from core.tasks import make_task
from tests.core.analysis.test_agreement import DeltaBarDelta
from tests.core.mechanisms.test_jumps import Lion

TASK = make_task("linear_regression")
ADAM = {"learning_rate": 0.03, "beta1": 0.9, "beta2": 0.99}


class Layered(nn.Module):
    """A rate for every entry, × 1.1 where a gradient has the sign of the one before and × 0.7 where it has not."""

    def initial_state(self, parameters: list[Tensor]) -> dict[str, list[Tensor]]:
        return {
            "rate": [torch.full_like(p, 0.05) for p in parameters],
            "old": [torch.zeros_like(p) for p in parameters],
        }

    def forward(self, state: dict[str, list[Tensor]], gradients: list[Tensor], parameters: list[Tensor]) -> Any:
        agree = [torch.sign(old * g) for old, g in zip(state["old"], gradients, strict=True)]
        change = [torch.where(one > 0, 1.1, torch.where(one < 0, 0.7, 1.0)) for one in agree]
        rates = [rate * one for rate, one in zip(state["rate"], change, strict=True)]
        updates = [-rate * g + 0 * p.norm() for rate, g, p in zip(state["rate"], gradients, parameters, strict=True)]
        return {"rate": rates, "old": gradients}, updates


def null_of(values: list[float | None]) -> Null:
    return Null(
        task=TASK.name, architecture=Architecture(), seeds=list(range(len(values))), floor=0.0, values={NAME: values}
    )


def test_adam_has_none_and_delta_bar_delta_does() -> None:
    adam = agreement_report(Context(make_hand_designed("adam", ADAM), TASK))
    assert abs(adam.value or 0) < 1e-9 and adam.shown is False and adam.factor == pytest.approx(1)
    known = agreement_report(Context(DeltaBarDelta(), TASK))
    assert known.shown is True and known.reason == ""
    assert known.value is not None and known.low is not None and known.high is not None
    assert 0.5 < known.low <= known.value <= known.high < 1
    assert known.factor == pytest.approx(1 / (1 - known.value), rel=1e-6)
    assert f"{known.factor:.3g} times as high" in said(known)


def measure_of(torch_class: Any, whole: bool, **settings: Any) -> Measure:
    """Of a class by component, or as if it saw whole tensors."""
    made = _whole(TorchClass("whole", torch_class, settings), "for comparison") if whole else None
    return agreement(Context((made or wrap("alone", torch_class, **settings))(), TASK))


def test_rprop_is_made_of_signs_that_agree() -> None:
    found = measure_of(torch.optim.Rprop, False, lr=0.01)
    assert found.value is not None and found.value > 0.9
    assert (
        measure_of(torch.optim.Rprop, True, lr=0.01).value is None
    )  # its update jumps: without a width, there is no slope


def test_whole_tensors_are_measured_along_a_run() -> None:
    for whole in (False, True):
        value = measure_of(torch.optim.AdamW, whole, lr=0.01).value
        assert value is not None and abs(value) < 1e-6
    layered = agreement(Context(TensorwiseModule("delta", Layered()), TASK)).value
    assert layered is not None and layered == pytest.approx(1 - 0.7**9 / 1.1**9, rel=1e-3)


def test_whole_tensors_have_rates_by_step() -> None:
    rates = rates_over_windows(Context(TensorwiseModule("delta", Layered()), TASK))
    assert rates is not None and rates.shape == (3, agreements.WINDOW + 1, 3)
    alike, alternating = rates[0, :, 1], rates[1, :, 1]
    np.testing.assert_allclose(alike[2:] / alike[1:-1], 1.1, rtol=1e-3)
    np.testing.assert_allclose(alternating[2:] / alternating[1:-1], 0.7, rtol=1e-3)
    whole = _whole(TorchClass("whole", torch.optim.AdamW, {"lr": 0.01}), "for comparison")()
    adam = rates_over_windows(Context(whole, TASK))
    assert adam is not None
    np.testing.assert_allclose(adam[1], adam[0], rtol=1e-5)


def test_untrained_optimizers_decide() -> None:
    context = Context(DeltaBarDelta(), TASK)
    assert agreement_report(context, trained=True).shown is None
    assert agreement_report(context, null_of([0.01 * i for i in range(COUNT)]), trained=True).shown is True
    wide = agreement_report(context, null_of([0.06 * i for i in range(COUNT)]), trained=True)
    assert wide.shown is False and wide.reason == "untrained optimizers show as much" and wide.reason in said(wide)


def test_what_jumps_with_its_state_is_unknown() -> None:
    lion = agreement_report(Context(Lion(), TASK))
    assert lion.value is None and lion.shown is None and "cannot be told" in said(lion)
    assert rates_over_windows(Context(Lion(), TASK)) is None


def test_windows_are_the_largest_tenth() -> None:
    context = Context(make_hand_designed("momentum", {"learning_rate": 0.1, "momentum": 0.9}), TASK)
    windows = windows_of(context, 10)
    sizes = context.sample.gradients.abs().unfold(0, 10, 1).mean(-1)
    assert len(windows.states) == len(windows.problems) <= agreements.WINDOWS * 2
    assert float(windows.sizes.mean(0).min()) >= float(torch.quantile(sizes[sizes > 0], 0.89))
    rates = rates_over_windows(context)
    assert rates is not None and rates.shape == (3, agreements.LONGEST + 1, 3)
    assert np.allclose(rates, rates[0, 0, 0])  # a constant rate


def test_what_a_null_lacks_is_measured_and_the_rest_kept() -> None:
    architecture = Architecture(units=2)
    whole = measure_null(architecture, TASK, 5)
    assert whole.complete
    kept = {name: [7.0] * 5 for name in whole.values if name != NAME}
    partial = whole.model_copy(update={"values": kept})
    assert not partial.complete
    again = measure_null(architecture, TASK, 5, known=partial)
    assert again.values == {**kept, NAME: whole.values[NAME]}


def test_the_shipped_ones_of_rosenbrock_show_it() -> None:
    run = zoo.find_run("rosenbrock-gru64")
    found = agreement_report(Context(run.optimizer(), run.config.make_task()), zoo.find_null(run.config), trained=True)
    assert found.shown is True and found.null is not None and (found.low or 0) > found.null.high
