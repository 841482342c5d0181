"""The instruments on optimizers as people write them: the same answers as for ours, or unknown with a reason, never a made-up number."""

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.analysis.fixed_points import find_fixed_points
from core.analysis.update_function import effective_learning_rate
from core.mechanisms.ablation import ablate
from core.mechanisms.adaptation import slopes_of
from core.mechanisms.closed_loop import loop_report_of_tensors
from core.mechanisms.context import Context
from core.mechanisms.measures import measured, summed_kernel
from core.mechanisms.report import report_of
from core.mechanisms.saturation import saturation
from core.optimizers.base import Optimizer
from core.optimizers.hand_designed import make_hand_designed
from core.optimizers.module import ModuleOptimizer
from core.optimizers.module_tensors import TensorwiseModule
from core.optimizers.plain_step import PlainStep
from core.optimizers.torch_class import TorchClass
from core.optimizers.wrapping import _whole, wrap
from core.tasks import make_task

TASK = make_task("linear_regression")


class PlainAdam(torch.optim.Optimizer):
    """Adam in place and without a graph, its counter in the parameter group, as many packages write it."""

    def __init__(self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            group["count"] = group.get("count", 0) + 1
            (b1, b2), k = group["betas"], group["count"]
            for p in group["params"]:
                s = self.state[p]
                if "m" not in s:
                    s["m"], s["v"] = torch.zeros_like(p), torch.zeros_like(p)
                s["m"].lerp_(p.grad, 1 - b1)
                s["v"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                p.sub_(group["lr"] * (s["m"] / (1 - b1**k)) / ((s["v"] / (1 - b2**k)).sqrt() + group["eps"]))


def told(optimizer: Optimizer) -> dict[str, Any]:
    """What the instruments find that should not depend on how Adam is written."""
    context = Context(optimizer, TASK)
    assert context.fixed_point is not None
    at, slopes = saturation(context, context.fixed_point), slopes_of(context)[0]
    return {
        "eigenvalues": context.linearized.eigenvalues.abs().tolist(),
        "half slope": at.half_slope[0],
        "slope": at.slope,
        "schedule": effective_learning_rate(context.double, context.path[:5]).tolist(),
        "adaptation": (slopes.rate_at_zero, slopes.rate_at_typical),
    }


WAYS = {
    "torch's AdamW": wrap("adamw_", torch.optim.AdamW, weight_decay=0),
    "in place": wrap("plain_", PlainAdam),
}


@pytest.mark.parametrize("way", WAYS)
def test_adam_is_adam_however_it_is_written(way: str) -> None:
    known, found = told(make_hand_designed("adam", {})), told(WAYS[way]())
    corrected = math.sqrt(0.001 / (1 - 0.999**101))  # at step 100, where the counter is held
    assert known["half slope"] == pytest.approx((math.sqrt(2) - 1) * 1e-8 / corrected, rel=1e-3)
    for name, value in known.items():
        assert found[name] == pytest.approx(value, rel=1e-5), name


class Counting(nn.Module):
    """Gradient descent that slows down by a counter of its own name."""

    state_names = ("t",)

    def __init__(self) -> None:
        super().__init__()
        self.rate = nn.Parameter(torch.tensor(0.1))

    def initial_state(self, n: int, dtype: torch.dtype) -> Tensor:
        return torch.zeros(n, 1, dtype=dtype)

    def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return state + 1, -self.rate * gradient / (1 + 0.01 * state[:, 0])


def test_a_counter_is_a_clock_by_any_name() -> None:
    optimizer = ModuleOptimizer("counting", Counting())
    assert optimizer.clocks == (0,) and Context(optimizer, TASK).moving == []


class Keeping(nn.Module):
    """Habits of real modules: a tensor of a graph on itself, an update squeezed to [], a sign that is not declared."""

    state_size = 1

    def __init__(self) -> None:
        super().__init__()
        self.map, self.last = nn.Linear(1, 1), None

    def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        self.last = self.map(gradient[:, None])
        return 0.9 * state + 0.1 * gradient.sign()[:, None], -0.01 * gradient.sign() - self.last.squeeze()


def test_modules_as_people_write_them() -> None:
    optimizer = ModuleOptimizer("keeping", Keeping())
    assert not optimizer.smooth
    state, gradient = optimizer.initial_state(1), torch.ones(1, requires_grad=True)
    optimizer.step(state, gradient)
    assert optimizer.to(torch.float64).step(state.double(), gradient.double())[1].shape == (1,)


class Drifting(nn.Module):
    """An LSTM that drifts for thousands of steps before it is near its stable fixed point."""

    def __init__(self, units: int = 8):
        super().__init__()
        torch.manual_seed(145)
        self.cell, self.out, self.state_size = nn.LSTMCell(1, units), nn.Linear(units, 1), 2 * units
        with torch.no_grad():
            for weights in self.cell.parameters():
                weights.mul_(9.0)
            self.cell.bias_hh[units : 2 * units] += 2

    def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        h, c = self.cell(gradient[:, None], state.chunk(2, 1))
        return torch.cat([h, c], 1), 0.01 * self.out(h)[:, 0]


def test_a_search_goes_on_while_the_state_drifts() -> None:
    optimizer = ModuleOptimizer("drifting", Drifting()).to(torch.float64)
    start = optimizer.initial_state(1, torch.float64)
    assert find_fixed_points(optimizer, start, free=100).stability == ("stable",)
    assert find_fixed_points(optimizer, start, free=100, longest=100).status == ("failed",)


def test_weight_decay_is_measured_on_what_reads_the_parameter() -> None:
    def decaying(state: Any, gradient: Any, parameter: Any) -> tuple[Any, Any]:
        return state, -0.1 * gradient - 0.003 * parameter

    context = Context(ModuleOptimizer("decaying", PlainStep(decaying, ())), TASK)
    ablations = ablate(context, problems=4)
    report = report_of("decaying", context, ablations)
    assert report.weight_decay.value == pytest.approx(0.003, rel=1e-8) and report.weight_decay.reads_parameter
    assert ablations.of("undecayed") is not None and report.coupling.value == 0
    momentum = report_of("sgd", Context(make_hand_designed("sgd", {}), TASK), ablations)
    assert momentum.weight_decay.value == 0 and momentum.weight_decay.verdict == "not_shown"


class Scheduled(nn.Module):
    """Momentum whose decay grows with the step that it reads, and a learning rate that falls to 0."""

    state_size = 1

    def forward(self, state: Tensor, gradient: Tensor, step: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        v = step / (step + 10) * state[:, 0] + gradient
        return v[:, None], -0.1 * (1 - step / steps) * v


def test_a_step_that_is_read_makes_a_schedule_and_a_memory_of_its_own() -> None:
    context = Context(ModuleOptimizer("scheduled", Scheduled()), TASK)
    report = report_of("scheduled", context, ablate(context, problems=4))
    assert report.schedule.clock and report.schedule.rates[:101:50] == pytest.approx([0.1, 0.075, 0.05])
    assert report.schedule.value == pytest.approx(1)
    decays = torch.tensor([k / (k + 10) for k in range(101, 201)], dtype=torch.float64)
    kernel = torch.cat([torch.ones(1, dtype=torch.float64), decays.cumprod(0)]) * (1 - torch.arange(100, 201) / 200)
    assert report.momentum.value == pytest.approx(float(kernel.sum() / kernel.abs().max()))
    assert report.momentum.step == 100 and report.momentum.eigenvalues == pytest.approx([100 / 110])
    at = {one.step: one.numbers["eigenvalue"] for one in report.momentum.along_counters}
    assert at == pytest.approx({0: 0, 100: 100 / 110, 199: 199 / 209}, abs=1e-12)
    assert "held at step 100 of 200" in report.momentum.sentences[1]
    assert "a gradient of step 100 acts for" in report.momentum.sentences[2]


class Layered(nn.Module):
    """Gradients over the size of their tensor, with momentum and the parameter."""

    def initial_state(self, parameters: list[Tensor]) -> dict[str, list[Tensor]]:
        return {"m": [torch.zeros_like(p) for p in parameters]}

    def forward(self, state: dict[str, list[Tensor]], gradients: list[Tensor], parameters: list[Tensor]) -> Any:
        m = [0.9 * old + 0.1 * g for old, g in zip(state["m"], gradients, strict=True)]
        return {"m": m}, [-0.05 * one / (1 + one.norm()) - 0.002 * p for one, p in zip(m, parameters, strict=True)]


def test_whole_tensors_get_verdicts() -> None:
    context = Context(TensorwiseModule("layered", Layered()), TASK)
    report = report_of("layered", context, ablate(context, 2, steps=60))
    for claim in (report.momentum, report.clipping, report.schedule, report.adaptation):
        assert claim.value is not None and claim.verdict in ("shown", "not_shown")
    assert report.schedule.verdict == "not_shown"  # nothing in it depends on time alone
    assert report.weight_decay.value == pytest.approx(0.002, rel=1e-6)
    assert report.weight_decay.verdict == "not_shown"  # without it the meta-loss changes by less than 0.1 %
    assert report.momentum.value is not None and report.momentum.value > 2
    assert report.coupling.value is not None and 0.01 < report.coupling.value < 0.9
    assert "NaN" not in json.dumps(report.model_dump(mode="json"))


def whole(torch_class: Any, **settings: Any) -> Optimizer:
    """A component-wise class, wrapped as if it saw whole tensors."""
    return _whole(TorchClass("whole", torch_class, settings), "for comparison")()


CALIBRATED: list[tuple[Any, dict[str, Any]]] = [
    (torch.optim.AdamW, {"lr": 0.05, "weight_decay": 0.5}),
    (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}),
]


@pytest.mark.parametrize(("torch_class", "settings"), CALIBRATED)
def test_whole_tensors_are_measured_as_their_components_are(torch_class: Any, settings: dict[str, Any]) -> None:
    known = Context(wrap("alone", torch_class, **settings)(), TASK)
    found = Context(whole(torch_class, **settings), TASK)
    for name in ("schedule", "adaptation", "weight_decay"):
        assert measured(name, found).value == pytest.approx(measured(name, known).value, rel=1e-6, abs=1e-12)
    momentum = measured("momentum", found).value
    assert momentum is not None and 0.8 * 10 < momentum < 1.001 * 10  # along a run, Adam's second moment answers, too
    variants = ("undecayed",) if torch_class is torch.optim.AdamW else ("memoryless", "unsaturated")
    one, other = ablate(known, 3, steps=60), ablate(found, 3, steps=60, only=variants)
    for name in variants:
        alone, together = one.of(name), other.of(name)
        assert alone is not None and together is not None and alone.ratio is not None and together.ratio is not None
        assert together.ratio.median == pytest.approx(alone.ratio.median, rel=1e-6)


def test_a_kernel_that_falls_by_a_constant_factor_is_summed_to_the_end() -> None:
    decays = 0.9 ** torch.arange(13, dtype=torch.float64)
    assert summed_kernel(decays) == pytest.approx(10)
    assert summed_kernel(0.1 ** torch.arange(7, dtype=torch.float64)) == pytest.approx(1 / 0.9, rel=1e-5)
    turning = decays * torch.cos(0.3 * torch.arange(13, dtype=torch.float64))
    assert math.isnan(summed_kernel(turning))


def test_the_closed_loop_of_whole_tensors_is_told_along_a_run_where_it_is_small() -> None:
    found = report_of("layered", Context(TensorwiseModule("layered", Layered()), TASK)).closed_loop
    assert [one.step for one in found.along_run] == [40, 120] and not found.reason
    assert found.along_run[0].numbers == 10 and 0.5 < found.along_run[0].rate < 1 + 1e-6
    assert "spectral radius" in found.sentences[0] and found.rates == []
    large = loop_report_of_tensors(Context(TensorwiseModule("layered", Layered()), make_task("two_moons")))
    assert "numbers together" in large.reason and large.along_run == []
