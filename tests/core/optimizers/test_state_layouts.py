"""Classes that keep their state in unusual places, or treat tensors unlike: what is taken does what the class itself does, copies included."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from core.analysis.general import answers_along, decay_along, kernel_along, meet, rate_along
from core.analysis.update_function import effective_learning_rate
from core.errors import InputError
from core.mechanisms.context import Context
from core.optimizers.torch_optimizer import TorchOptimizer
from core.optimizers.torch_tensors import TorchRun, TorchTensorwise
from core.optimizers.wrapping import wrap
from core.seeds import Purpose, generator
from core.tasks import make_task
from core.unroll import unroll
from tests.core.optimizers.test_wrapping import optimizer_class

Buffer = Callable[[Any, dict[str, Any], Tensor, dict[str, Any]], Tensor]

DECAY, RATE = 0.9, 0.01


def by_identity(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> Tensor:
    """In a dictionary on itself, by the parameter's identity."""
    vars(optimizer).setdefault("buffers", {})
    buffer: Tensor = optimizer.buffers.setdefault(id(parameter), torch.zeros_like(parameter))
    return buffer


def by_tensor(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> Tensor:
    """In a dictionary on itself, by the parameter."""
    vars(optimizer).setdefault("buffers", {})
    buffer: Tensor = optimizer.buffers.setdefault(parameter, torch.zeros_like(parameter))
    return buffer


def in_the_group(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> Tensor:
    """In a list of the parameter group."""
    buffers = group.setdefault("buffers", [torch.zeros_like(p) for p in group["params"]])
    buffer: Tensor = buffers[[p is parameter for p in group["params"]].index(True)]
    return buffer


def within(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> Tensor:
    """In a queue within a dictionary within the state."""
    buffer: Tensor = state.setdefault("all", {"m": deque([torch.zeros_like(parameter)])})["m"][0]
    return buffer


def momentum(buffer_of: Buffer) -> type[torch.optim.Optimizer]:
    """Momentum with its buffer somewhere."""

    def rule(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
        buffer = buffer_of(optimizer, group, parameter, state)
        buffer.mul_(DECAY).add_(parameter.grad)  # type: ignore[arg-type]
        parameter.sub_(group["lr"] * buffer)

    return optimizer_class(rule)


@pytest.mark.parametrize("buffer_of", [by_identity, by_tensor, in_the_group, within])
def test_wherever_momentum_keeps_its_buffer_its_kernel_is_the_same(buffer_of: Buffer) -> None:
    made = wrap("mine", momentum(buffer_of))
    assert issubclass(made, TorchTensorwise)
    problem = make_task("rosenbrock").sample(1, generator(Purpose.VIEW, 0), torch.float64)
    met = meet(made(learning_rate=1e-4), problem, 12, [5])  # type: ignore[call-arg]
    known = 1e-4 * DECAY ** torch.arange(5, dtype=torch.float64)
    torch.testing.assert_close(kernel_along(met, 5, 0, 4), known, rtol=1e-7, atol=0)
    place = met.places[5]
    assert isinstance(place, TorchRun) and len(place.numbers()) >= 2
    assert decay_along(met, 5, 0) == 0  # rounding of the parameter is not an answer to it


def test_all_that_a_class_keeps_on_itself_is_copied_and_what_it_wraps_too() -> None:
    class Around(torch.optim.Optimizer):
        """Adam whose step is taken half-way back every second time."""

        def __init__(self, params: Any, lr: float = 0.01):
            self.inner = torch.optim.Adam(params, lr=lr)
            self.param_groups, self.state, self.defaults = (
                self.inner.param_groups,
                self.inner.state,
                self.inner.defaults,
            )
            self.slow, self.count = [p.detach().clone() for p in self.param_groups[0]["params"]], 0

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            self.inner.step()
            self.count += 1
            if self.count % 2 == 0:
                for p, slow in zip(self.param_groups[0]["params"], self.slow, strict=True):
                    slow.lerp_(p, 0.5)
                    p.copy_(slow)

    made = wrap("around", Around)
    problem = make_task("rosenbrock").sample(1, generator(Purpose.VIEW, 0), torch.float64)
    met = meet(made(), problem, 8, [3])
    again = met.after(3, met.gradients[3][None], count=3)[0]
    torch.testing.assert_close(again, met.x[4:] - met.x[3:-1])


def by_shape(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Weight decay for matrices only."""
    if parameter.ndim > 1:
        parameter.mul_(0.99)
    parameter.sub_(group["lr"] * parameter.grad)


def by_size(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Large matrices are normalised."""
    large = parameter.ndim > 1 and min(parameter.shape) >= 128
    gradient = parameter.grad
    assert gradient is not None
    parameter.sub_(group["lr"] * (gradient / gradient.norm() if large else gradient))


@pytest.mark.parametrize("rule", [by_shape, by_size])
def test_a_rule_that_depends_on_shapes_is_taken_whole(rule: Any) -> None:
    made = wrap("mine", optimizer_class(rule))
    assert issubclass(made, TorchTensorwise) and "depends on the shapes of tensors" in made.because


def flips(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Whole numbers for each parameter."""
    gradient = parameter.grad
    assert gradient is not None
    state["flips"] = state.get("flips", torch.zeros_like(parameter, dtype=torch.int64)) + (gradient < 0)
    parameter.sub_(group["lr"] / (1 + state["flips"]) * gradient)


def turning(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Complex numbers for each parameter."""
    if not state:
        state["v"] = torch.zeros_like(parameter, dtype=torch.complex128)
    state["v"].mul_(0.9j).add_(parameter.grad)
    parameter.sub_(group["lr"] * state["v"].real)


@pytest.mark.parametrize(("rule", "why"), [(flips, "flips holds whole numbers"), (turning, "v holds complex numbers")])
def test_numbers_without_slopes_are_taken_whole(rule: Any, why: str) -> None:
    made = wrap("mine", optimizer_class(rule))
    assert issubclass(made, TorchTensorwise) and why in made.because


def clamping(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """The parameter counts only beyond 20."""
    parameter.sub_(group["lr"] * parameter.grad).clamp_(-20, 20)  # type: ignore[operator]


def test_a_parameter_that_counts_in_some_places_only_is_read() -> None:
    made = wrap("mine", optimizer_class(clamping))
    assert issubclass(made, TorchOptimizer) and made().reads == {"parameter": 0}


def multiplying(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """A rate that grows with the parameter; its updates are the difference of two parameters."""
    parameter.sub_(group["lr"] * parameter.grad * (0.1 + parameter.abs()))  # type: ignore[operator]


def test_a_slope_is_told_above_the_rounding_of_the_parameter() -> None:
    optimizer = wrap("mine", optimizer_class(multiplying))()
    states = torch.tensor([[3.0], [-0.25], [1e3]], dtype=torch.float64)
    rates = effective_learning_rate(optimizer, states)
    torch.testing.assert_close(rates, 0.01 * (0.1 + states[:, 0].abs()), rtol=1e-9, atol=0)


def late_noise(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Noise that begins after 30 steps."""
    state["t"] = state.get("t", 0) + 1
    parameter.sub_(group["lr"] * (parameter.grad + (state["t"] > 30) * torch.randn_like(parameter)))  # type: ignore[operator]


def test_noise_that_begins_late_is_noise() -> None:
    with pytest.raises(InputError, match="not deterministic"):
        wrap("mine", optimizer_class(late_noise))


def test_its_own_generator_goes_back_with_a_copy() -> None:
    class Seeded(torch.optim.Optimizer):
        def __init__(self, params: Any, lr: float = 0.01):
            super().__init__(params, {"lr": lr})
            self.generator = torch.Generator().manual_seed(0)

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            for p in self.param_groups[0]["params"]:
                p.sub_(0.01 * p.grad).add_(torch.randn(p.shape, generator=self.generator), alpha=1e-3)

    problem = make_task("rosenbrock").sample(1, generator(Purpose.VIEW, 0), torch.float64)
    met = meet(wrap("seeded", Seeded)(), problem, 6, [3])
    torch.testing.assert_close(met.after(3, met.gradients[3][None])[0, 0], met.x[4] - met.x[3])


def test_a_class_without_state_and_groups_runs() -> None:
    class Bare(torch.optim.Optimizer):
        def __init__(self, params: Any, lr: float = 0.01):
            self.mine, self.lr = list(params), lr

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            for p in self.mine:
                p.sub_(self.lr * p.grad)

    problem = make_task("rosenbrock").sample(1, generator(Purpose.VIEW, 0), torch.float64)
    met = meet(wrap("bare", Bare)(learning_rate=1e-4), problem, 4, [2])  # type: ignore[call-arg]
    assert rate_along(met, 2, 0) == pytest.approx(1e-4)


def half(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Momentum kept in half precision."""
    if not state:
        state["m"] = torch.zeros_like(parameter, dtype=torch.bfloat16)
    state["m"].mul_(0.9).add_(parameter.grad.bfloat16())  # type: ignore[union-attr]
    parameter.sub_((group["lr"] * state["m"]).to(parameter.dtype))


def single(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
    """Momentum kept in single precision, which ends at 1e-45 and not at 0."""
    if not state:
        state["m"] = torch.zeros_like(parameter, dtype=torch.float32)
    state["m"].mul_(0.9).add_(parameter.grad.float())  # type: ignore[union-attr]
    parameter.sub_((group["lr"] * state["m"]).to(parameter.dtype))


@pytest.mark.parametrize("rule", [half, single])
def test_slopes_of_coarse_arithmetic_are_those_of_double_precision(rule: Any) -> None:
    made = wrap("mine", optimizer_class(rule))
    context = Context(made(), make_task("linear_regression"))
    assert context.linearized.eigenvalues.abs().tolist() == pytest.approx([0.9], rel=1e-9)
    assert context.kernel.memory == pytest.approx(10, rel=1e-6)
    problem = make_task("rosenbrock").sample(1, generator(Purpose.VIEW, 0), torch.float64)
    own = unroll(made(learning_rate=1e-4), problem, 3).states  # type: ignore[call-arg]
    assert own is not None and torch.equal(own, own.to(torch.bfloat16 if rule is half else torch.float32).double())


def orthogonalised(gradient: Tensor) -> Tensor:
    """Muon's iteration in double precision (torch.optim.Muon's coefficients), of a matrix that is not tall."""
    a, b, c = 3.4445, -4.775, 2.0315
    x = gradient / gradient.norm().clamp(min=1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x


def test_muon_has_the_slopes_of_its_iteration_in_double_precision() -> None:
    made = wrap("muon_", torch.optim.Muon, weight_decay=0.0)
    assert made.source.coarse is not None and 1e-4 < made.source.coarse < 0.05
    problem = make_task("linear_regression").sample(1, generator(Purpose.VIEW, 0), torch.float64)
    met = meet(made(), problem, 2, [0])
    first = (
        met.gradients[0].clone().requires_grad_()
    )  # at first the momentum is a multiple of it, which the norm takes out
    update = -1e-3 * orthogonalised(first[None])[0]
    known = torch.stack([torch.autograd.grad(one, first, retain_graph=True)[0] for one in update])[:, 1]
    torch.testing.assert_close(answers_along(met, 0, 1), known, rtol=1e-6, atol=1e-6 * float(known.abs().max()))


def test_what_it_prints_in_its_steps_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def talking(optimizer: Any, group: dict[str, Any], parameter: Tensor, state: dict[str, Any]) -> None:
        print("a step")
        parameter.sub_(group["lr"] * parameter.grad)

    made = wrap("talks", optimizer_class(talking))
    made().step(torch.zeros(3, 0), torch.ones(3))
    assert capsys.readouterr().out == ""
    print("and then")
    assert capsys.readouterr().out == "and then\n"
