"""Classes of torch's kind are taken component by component where that is what they do, whole otherwise, and refused only if they cannot run."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from core.analysis.jacobians import derivatives
from core.errors import InputError
from core.optimizers.torch_optimizer import TorchOptimizer
from core.optimizers.torch_tensors import TorchTensorwise
from core.optimizers.wrapping import wrap
from core.seeds import Purpose, generator
from core.tasks import Problems, make_task
from core.unroll import unroll

Rule = Callable[[torch.optim.Optimizer, dict[str, Any], Tensor, dict[str, Any]], None]


def optimizer_class(rule: Rule, **defaults: Any) -> type[torch.optim.Optimizer]:
    """A class whose step does ``rule(optimizer, group, parameter, state)`` with every parameter."""

    class Made(torch.optim.Optimizer):
        def __init__(self, params: Iterable[Tensor], lr: float = 0.01, **more: Any):
            super().__init__(params, {"lr": lr, **defaults, **more})

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            for group in self.param_groups:
                for parameter in group["params"]:
                    rule(self, group, parameter, self.state[parameter])

    return Made


def halving(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """A schedule that is kept in the parameter group."""
    parameter.sub_(group["lr"] * 0.5 ** (group["seen"] // 10) * parameter.grad)  # type: ignore[operator]
    group["seen"] += parameter is group["params"][-1]


def counting(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """A counter that begins to exist with the first step."""
    state["t"] = state.get("t", 0) + 1
    parameter.sub_(group["lr"] / state["t"] * parameter.grad)  # type: ignore[operator]


def starting(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """A state that starts at another value than 0, and is changed by the first step."""
    if not state:
        state["m"] = torch.full_like(parameter, 0.01)
    state["m"].lerp_(parameter.grad, 0.1)
    parameter.sub_(group["lr"] * state["m"])


def averaging(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """A state that starts where the parameter does."""
    if not state:
        state["z"] = parameter.clone()
    state["z"].sub_(group["lr"] * parameter.grad)  # type: ignore[operator]
    parameter.lerp_(state["z"], 0.3)


def on_itself(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """A number that is kept on the optimizer."""
    optimizer.calls = getattr(optimizer, "calls", 0) + (parameter is group["params"][0])
    parameter.sub_(group["lr"] * 0.99**optimizer.calls * parameter.grad)


def single(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Arithmetic in single precision."""
    parameter.copy_(parameter.float() - group["lr"] * parameter.grad.float())  # type: ignore[union-attr]


def clipping(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Gradients clipped by their norm, which only large ones show."""
    gradient = parameter.grad
    assert gradient is not None
    parameter.sub_(group["lr"] * gradient * (10 / gradient.norm()).clamp(max=1))


def learning_its_rate(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """A number in the group that depends on gradients."""
    group["d"] = max(group["d"], float(parameter.grad.abs().mean()))  # type: ignore[union-attr]
    parameter.sub_(group["lr"] / group["d"] * parameter.grad)  # type: ignore[operator]


def random(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Noise."""
    parameter.sub_(group["lr"] * (parameter.grad + torch.randn_like(parameter)))  # type: ignore[operator]


COMPONENT_WISE: list[tuple[Rule, dict[str, Any]]] = [
    (halving, {"seen": 0}),
    (counting, {}),
    (starting, {}),
    (averaging, {}),
    (on_itself, {}),
    (single, {}),
]
WHOLE: list[tuple[Rule, dict[str, Any], str]] = [
    (clipping, {}, "influence each other"),
    (learning_its_rate, {"d": 1e-6}, "parameter group's d .* depends on gradients"),
]


def alone(torch_class: type[torch.optim.Optimizer], problem: Problems, steps: int) -> Tensor:
    """Losses of the class itself on one problem, [steps + 1]."""
    x = torch.nn.Parameter(problem.x0[0].clone())
    optimizer, losses = torch_class([x]), []
    for _ in range(steps + 1):
        loss, gradient = problem.loss_and_gradient(x.detach()[None])
        losses.append(loss[0])
        x.grad = gradient[0].clone()
        optimizer.step()
    return torch.stack(losses)


@pytest.mark.parametrize("rule", [*(one[0] for one in COMPONENT_WISE), *(one[0] for one in WHOLE)])
def test_every_problem_of_a_batch_goes_where_the_class_alone_takes_it(rule: Rule) -> None:
    defaults = {one[0]: one[1] for one in (*COMPONENT_WISE, *WHOLE)}[rule]
    torch_class = optimizer_class(rule, **defaults)
    made = wrap("mine", torch_class)
    assert issubclass(made, TorchOptimizer) is (rule in [one[0] for one in COMPONENT_WISE])
    problems = make_task("rosenbrock").sample(3, generator(Purpose.VIEW, 0), torch.float64)
    ours = unroll(made(learning_rate=1e-3), problems, 60, record=()).losses  # type: ignore[call-arg]
    theirs = [
        alone(lambda params: torch_class(params, lr=1e-3), problems.part(i, i + 1), 60)  # type: ignore[arg-type]
        for i in range(3)
    ]
    torch.testing.assert_close(ours, torch.stack(theirs, 1), rtol=1e-4 if rule is single else 1e-9, atol=0)


@pytest.mark.parametrize(("rule", "defaults", "why"), WHOLE)
def test_why_a_class_is_taken_whole_is_said(rule: Rule, defaults: dict[str, Any], why: str) -> None:
    made = wrap("mine", optimizer_class(rule, **defaults))
    assert issubclass(made, TorchTensorwise)
    assert re.search(why, made.because)


def test_a_state_that_depends_on_hyperparameters_follows_them() -> None:
    made = wrap("rprop_", torch.optim.Rprop)
    start = made(learning_rate=0.3).initial_state(2)  # type: ignore[call-arg]
    assert start[:, made.memory.index("step_size")].tolist() == pytest.approx([0.3, 0.3])


def test_counters_are_clocks_and_what_is_read_is_said() -> None:
    adamw, sgd = wrap("adamw_", torch.optim.AdamW)(), wrap("sgd_", torch.optim.SGD)()
    assert adamw.state_names == ("exp_avg", "exp_avg_sq", "parameter", "step")
    assert adamw.clocks == (3,) and adamw.reads == {"parameter": 2}
    assert sgd.clocks == () and sgd.reads == {}


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (torch.optim.LBFGS, {}, "evaluates the loss at other points within a step"),
    (torch.optim.SparseAdam, {}, "does not support dense gradients"),
    (torch.optim.Adafactor, {"eps": 0.1}, "cannot be made with TypeError"),
    (optimizer_class(random), {}, "not deterministic"),
]


@pytest.mark.parametrize(("torch_class", "settings", "why"), REFUSED)
def test_what_cannot_run_is_refused_with_the_reason(torch_class: Any, settings: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        wrap("other", torch_class, **settings)


def test_a_missing_argument_is_asked_for() -> None:
    class Needs(torch.optim.SGD):
        def __init__(self, params: Any, lr: float):
            super().__init__(params, lr=lr)

    with pytest.raises(InputError, match=r"no default for lr: set it, as in lr=0\.1"):
        wrap("needs", Needs)
    assert wrap("needs", Needs, lr=0.3)().hyperparameters() == {"learning_rate": 0.3}


def test_faster_ways_through_the_same_arithmetic_are_left_out() -> None:
    for ways in ({"fused": True}, {"foreach": True}):
        assert issubclass(wrap("adam_", torch.optim.Adam, **ways), TorchOptimizer)


def test_what_a_class_prints_is_not_shown_at_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    class Talks(torch.optim.SGD):
        def __init__(self, params: Any, lr: float = 0.1):
            super().__init__(params, lr=lr)
            print("settings: …")

    made = wrap("talks", Talks)
    made().step(torch.zeros(3, 0), torch.ones(3))
    assert capsys.readouterr().out == ""


def test_tensors_can_be_divided_into_groups_of_the_class_s_own() -> None:
    class Divided(torch.optim.Optimizer):
        def __init__(self, params: Any, lr: float = 0.1):
            super().__init__(params, {"lr": lr})
            if not all("matrices" in group for group in self.param_groups):
                raise ValueError("groups must say whether they hold matrices")

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_((2 if group["matrices"] else 1) * group["lr"] * p.grad)

    def groups(tensors: list[Tensor]) -> list[dict[str, Any]]:
        divided = [(kind, [one for one in tensors if (one.ndim > 1) is kind]) for kind in (True, False)]
        return [{"params": part, "matrices": kind} for kind, part in divided if part]

    made = wrap("divided", Divided, groups=groups)
    problem = make_task("two_moons").sample(1, generator(Purpose.VIEW, 0), torch.float64)
    trajectory = unroll(made(), problem, 1)
    assert trajectory.updates is not None and trajectory.gradients is not None
    ratio = -trajectory.updates[0, 0] / trajectory.gradients[0, 0]
    assert ratio[0] == pytest.approx(0.2) and ratio[2 * 64] == pytest.approx(0.1)
    with pytest.raises(InputError, match="groups must say"):
        wrap("divided", Divided)


def test_a_state_that_the_first_step_makes_in_a_way_of_its_own() -> None:
    """SGD with dampening takes the first gradient whole, and of every later one a share: it counts, so that the first step is known."""
    made = wrap("dampened", torch.optim.SGD, lr=0.1, momentum=0.9, dampening=0.5)
    assert issubclass(made, TorchOptimizer) and made().clocks == (1,)
    states = torch.tensor([[0.0, 0.0], [0.0, 100.0]], dtype=torch.float64)
    at = derivatives(made(), states, torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(at.u_g, torch.tensor([-0.1, -0.05], dtype=torch.float64))
    torch.testing.assert_close(at.j_h[:, 0, 0], torch.tensor([0.0, 0.9], dtype=torch.float64))


def mixing(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """A moment in single precision, mixed with an update of the parameter's own, as packages with a fixed precision of states do."""
    if not state:
        state["m"] = torch.zeros_like(parameter, dtype=torch.float32)
    state["m"].lerp_(parameter.grad, 0.1)
    parameter.sub_(group["lr"] * state["m"])


def test_what_runs_in_single_precision_only_is_run_there() -> None:
    torch_class = optimizer_class(mixing)
    made = wrap("mine", torch_class)
    assert issubclass(made, TorchTensorwise) and made.because == "it runs in single precision only"
    drawn = make_task("rosenbrock").sample(2, generator(Purpose.VIEW, 0), torch.float64)
    problems = drawn.starting_at(drawn.x0.float().double())
    ours = unroll(made(learning_rate=1e-3), problems, 30).x  # type: ignore[call-arg]
    assert ours is not None
    for i in range(2):
        x = torch.nn.Parameter(problems.x0[i].float())
        optimizer = torch_class([x], lr=1e-3)  # type: ignore[call-arg]
        for k in range(30):
            assert torch.equal(ours[k, i], x.detach().double())
            x.grad = problems.part(i, i + 1).gradient(x.detach().double()[None])[0].float()
            optimizer.step()


class Wrapping(torch.optim.Optimizer):
    """Looks like a wrapper of another optimizer."""

    def __init__(self, optimizer: Any, lr: float = 0.1):
        super().__init__(optimizer.param_groups, {"lr": lr})


class OfAModel(torch.optim.Optimizer):
    """Names its parameters itself."""

    def __init__(self, model: Any, lr: float = 0.1):
        super().__init__(model.named_parameters(), {"lr": lr})


class Twice(torch.optim.SGD):
    """Takes a second derivative."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for parameter in self.param_groups[0]["params"]:
            torch.autograd.grad(parameter.grad.sum(), parameter)


class OwnGroups(torch.optim.Optimizer):
    """Looks for a key of its own in every group."""

    def __init__(self, params: Any, lr: float = 0.1):
        if not all("matrices" in group for group in params):
            raise ValueError("groups must say whether they hold matrices")
        super().__init__(params, {"lr": lr})


@pytest.mark.parametrize(
    ("torch_class", "why"),
    [
        (Wrapping, "it wraps another optimizer, and is given parameters"),
        (OfAModel, "it wants a model, and is given parameters"),
        (Twice, "it differentiates the gradient once more"),
        (OwnGroups, "it wants parameter groups of its own: give groups="),
    ],
)
def test_what_a_class_wants_instead_is_said(torch_class: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        wrap("other", torch_class)
