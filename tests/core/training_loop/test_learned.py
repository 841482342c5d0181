"""A learned optimizer as a class of torch.optim: the same numbers as an unroll, and what torch's own optimizers can do."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import loptscope as ls
from core.errors import InputError
from core.optimizers.module import ModuleOptimizer
from core.optimizers.module_tensors import TensorwiseModule
from core.training_loop import learned
from core.training_loop.learned import LearnedOptimizer, torch_class

NAMES = {
    "two_moons-gru24": "two_moons",
    "linear_regression-lstm64": "linear_regression",
    "linear_regression-vanilla2": "linear_regression",
    "rosenbrock-gru256": "rosenbrock",
}


@pytest.fixture(scope="module")
def moons() -> type[LearnedOptimizer]:
    return ls.torch_optimizer("two_moons-gru24")


def along(
    optimizer: torch.optim.Optimizer, tensors: list[nn.Parameter], problems: ls.Problems, steps: int
) -> Iterator[Tensor]:
    """The inner parameters [problems, parameters] after each step, which lie in the tensors one after the other."""
    shape = problems.x0.shape
    for _ in range(steps):
        x = torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).view(shape)
        gradient = problems.loss_and_gradient(x)[1].reshape(-1)
        for tensor, part in zip(tensors, gradient.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.grad = part.view(tensor.shape)
        optimizer.step()
        yield torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).view(shape)


@pytest.mark.parametrize("name, task", NAMES.items())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_equals_unroll_bit_for_bit(name: str, task: str, dtype: torch.dtype) -> None:
    problems = ls.make_task(task).sample(1, ls.generator(ls.Purpose.VIEW, 3), dtype)
    same = ls.load(name).to(dtype)  # type: ignore[attr-defined]
    expected = ls.unroll(same, problems, 8, record=("x",)).x
    assert expected is not None
    x0 = problems.x0.reshape(-1)
    cuts = sorted({len(x0) // 7, len(x0) // 2, len(x0)} - {0})
    ends = [0, *cuts]
    tensors = [nn.Parameter(x0[a:b].clone()) for a, b in zip(ends, cuts, strict=False)]
    found = list(along(ls.torch_optimizer(name)(tensors), tensors, problems, 8))
    assert all(torch.equal(a, b) for a, b in zip(found, expected[1:], strict=True))


def test_blocks_change_nothing_but_the_last_bits(
    moons: type[LearnedOptimizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [(3, 50), (7,), (), (40, 9)]
    results = []
    for whole, block in ((10_000, 10_000), (0, 64), (0, 1000)):
        monkeypatch.setattr(learned, "WHOLE", whole)
        monkeypatch.setattr(learned, "BLOCK", block)
        source = torch.Generator().manual_seed(1)
        tensors = [nn.Parameter(torch.randn(size, generator=source)) for size in sizes]
        optimizer = moons(tensors)
        for _ in range(5):
            for tensor in tensors:
                tensor.grad = torch.randn(tensor.shape, generator=source)
            optimizer.step()
        results.append(torch.cat([tensor.detach().reshape(-1) for tensor in tensors]))
    assert torch.allclose(results[0], results[1], atol=1e-6, rtol=0) and torch.allclose(
        results[0], results[2], atol=1e-6, rtol=0
    )
    pieces = [list(learned._blocks(sizes)) for sizes in ([150, 7, 1, 360], [1000], [3])]
    assert [sum(high - low for _, low, high in block) for block in pieces[0]] == [518]
    monkeypatch.setattr(learned, "BLOCK", 64)
    assert [sum(high - low for _, low, high in block) for block in learned._blocks([150, 7, 1, 42])] == [64, 64, 64, 8]


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, first: int = 0) -> None:
    dtype = next(model.parameters()).dtype
    for step in range(first, first + steps):
        x = torch.randn(8, 6, generator=torch.Generator().manual_seed(step)).to(dtype)
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def numbers(model: nn.Module) -> Tensor:
    return torch.cat([tensor.detach().reshape(-1) for tensor in model.parameters()])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_saved_state_continues_bit_for_bit(
    moons: type[LearnedOptimizer], dtype: torch.dtype, tmp_path: object
) -> None:
    whole, half = network(dtype), network(dtype)
    train(whole, moons(whole.parameters()), 6)
    optimizer = moons(half.parameters())
    train(half, optimizer, 3)
    path = f"{tmp_path}/state.pt"
    torch.save({"model": half.state_dict(), "optimizer": optimizer.state_dict()}, path)
    again, saved = network(dtype), torch.load(path, weights_only=True)
    again.load_state_dict(saved["model"])
    resumed = moons(again.parameters())
    resumed.load_state_dict(saved["optimizer"])
    kept = next(iter(resumed.state.values()))["h"]
    assert kept.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    train(again, resumed, 3, first=3)
    assert torch.equal(numbers(whole), numbers(again)) and torch.isfinite(numbers(whole)).all()
    twin = copy.deepcopy(resumed)
    assert torch.equal(next(iter(twin.state.values()))["h"], next(iter(resumed.state.values()))["h"])


def test_a_state_of_another_optimizer_is_refused_and_changes_nothing(moons: type[LearnedOptimizer]) -> None:
    model = network()
    optimizer = moons(model.parameters())
    train(model, optimizer, 1)
    before = copy.deepcopy(optimizer.state_dict())
    other = ls.torch_optimizer("two_moons-gru24-seed1")(model.parameters())
    adam = torch.optim.Adam(model.parameters())
    small = moons(nn.Linear(6, 5).parameters())
    small.step()
    wrong = moons([nn.Parameter(torch.zeros(2)) for _ in range(4)])
    for tensor in wrong.param_groups[0]["params"]:
        tensor.grad = torch.ones(2)
    wrong.step()
    for state, sentence in (
        (other.state_dict(), "this state is of two_moons-gru24-seed1"),
        (adam.state_dict(), "an optimizer of another kind"),
        (wrong.state_dict(), r"must be \[30, 24\] \(got \[2, 24\]\)"),
    ):
        with pytest.raises(InputError, match=sentence):
            optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert all(torch.equal(before["state"][key]["h"], after["state"][key]["h"]) for key in before["state"])


def test_groups_have_their_own_factor_and_schedulers_change_it(moons: type[LearnedOptimizer]) -> None:
    a, b, c = (nn.Parameter(torch.zeros(4)) for _ in range(3))
    optimizer = moons([{"params": [a]}, {"params": [b], "lr": 0.5}, {"params": [c], "lr": 0}])
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)
    gradient = torch.tensor([1.0, -2.0, 0.1, 0.0])
    for tensor in (a, b, c):
        tensor.grad = gradient.clone()
    optimizer.step()
    assert torch.allclose(b, 0.5 * a) and a.abs().max() > 0 and not c.any()
    first = a.detach().clone()
    schedule.step()
    optimizer.step()
    expected = ls.load("two_moons-gru24")
    with torch.no_grad():
        state, once = expected.step(expected.initial_state(4), gradient)
        _, twice = expected.step(state, gradient)
    assert torch.equal(first, once) and torch.allclose(a.detach() - first, 0.1 * twice, atol=1e-8)


def test_what_has_no_gradient_stays(moons: type[LearnedOptimizer]) -> None:
    a, b = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2, 2))
    optimizer = moons([a, b, nn.Parameter(torch.empty(0))])
    optimizer.step()
    assert not optimizer.state and torch.equal(a, torch.ones(3))
    b.grad = torch.ones(2, 2)
    optimizer.step()
    assert set(optimizer.state) == {b} and torch.equal(a, torch.ones(3)) and not torch.equal(b, torch.ones(2, 2))


def test_strides_complex_numbers_and_closures(moons: type[LearnedOptimizer]) -> None:
    values = torch.arange(6.0).view(2, 3)
    plain, turned = nn.Parameter(values.clone()), nn.Parameter(values.t().clone().t())
    pairs = nn.Parameter(torch.view_as_complex(values.view(3, 2).clone()))
    for tensor in (plain, turned):
        tensor.grad = torch.linspace(-1, 1, 6).view(2, 3)
    pairs.grad = torch.view_as_complex(torch.linspace(-1, 1, 6).view(3, 2))
    moons([plain]).step()
    moons([turned]).step()
    moons([pairs]).step()
    assert torch.equal(plain, turned) and torch.equal(
        torch.view_as_real(pairs.detach()).reshape(-1), plain.detach().reshape(-1)
    )
    x = nn.Parameter(torch.ones(3))
    optimizer = moons([x])

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = x.square().sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(20)]
    assert losses[0] == 3 and losses[-1] < 0.5 * losses[0]


def test_a_registered_module_comes_out_again() -> None:
    class Momentum(nn.Module):
        state_size = 1

        def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
            following = 0.9 * state + gradient[:, None]
            return following, -0.1 * following[:, 0]

    ours, theirs = (nn.Parameter(torch.tensor([1.0, -3.0])) for _ in range(2))
    mine = torch_class("mine", ModuleOptimizer("mine", Momentum()))([ours])
    sgd = torch.optim.SGD([theirs], lr=0.1, momentum=0.9)
    for _ in range(5):
        for tensor, optimizer in ((ours, mine), (theirs, sgd)):
            tensor.grad = tensor.detach().sin()
            optimizer.step()
    assert torch.allclose(ours, theirs)


def test_what_reads_more_than_gradients_is_told_it() -> None:
    class Reader(nn.Module):
        state_size = 1

        def forward(
            self, state: Tensor, gradient: Tensor, parameter: Tensor, loss: Tensor, step: Tensor, steps: Tensor
        ) -> tuple[Tensor, Tensor]:
            return state + gradient[:, None], -0.1 * parameter - 0.01 * loss * (1 - step / steps) * gradient

    reader = torch_class("reader", ModuleOptimizer("reader", Reader()))
    x, late = nn.Parameter(torch.tensor([1.0, -2.0])), nn.Parameter(torch.tensor(3.0))
    optimizer = reader([x, late], steps=4)
    losses: list[float] = []
    for k in range(4):

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = x.square().sum() + (late**2 if losses else 0)
            loss.backward()
            return loss

        before = [x.detach().clone(), late.detach().clone()]
        losses.append(optimizer.step(closure).item())
        factor = 0.01 * losses[-1] * (1 - k / 4)
        assert torch.allclose(x, 0.9 * before[0] - factor * 2 * before[0])
    assert float(optimizer.state[late]["step"]) == 3
    with pytest.raises(InputError, match="reader needs steps, the length of the training"):
        reader([x])
    with pytest.raises(InputError, match=r"reader reads the loss: call step\(closure\)"):
        reader([x], steps=4).step()
    saved, again = optimizer.state_dict(), reader([x, late], steps=4)
    again.load_state_dict(saved)
    assert again.state[late]["step"] == 3


class Layered(nn.Module):
    """Momenta over the size of their tensor, a level above all of them, and everything that can be read."""

    def initial_state(self, parameters: list[Tensor]) -> dict[str, object]:
        return {"m": [torch.zeros_like(p) for p in parameters], "all": parameters[0].new_zeros(1)}

    def forward(
        self,
        state: dict[str, Any],
        gradients: list[Tensor],
        parameters: list[Tensor],
        loss: float,
        step: int,
        steps: int,
    ) -> tuple[dict[str, object], list[Tensor]]:
        m = [0.9 * old + 0.1 * g for old, g in zip(state["m"], gradients, strict=True)]
        whole = 0.5 * state["all"] + torch.stack([one.norm() for one in m]).sum()
        size = 0.05 * (1 - step / steps) / (1 + loss)
        updates = [
            -size * one / (0.1 + one.norm() + 0.01 * whole) - 1e-3 * p for one, p in zip(m, parameters, strict=True)
        ]
        return {"m": m, "all": whole}, updates


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_that_sees_whole_tensors_equals_unroll_bit_for_bit(dtype: torch.dtype) -> None:
    made = TensorwiseModule("layered", Layered())
    problem = ls.make_task("two_moons").sample(1, ls.generator(ls.Purpose.VIEW, 3), dtype)
    expected = ls.unroll(made, problem, 6, record=("x",)).x
    assert expected is not None
    sizes = [torch.Size(shape).numel() for shape in problem.tensor_shapes()]
    parts = problem.x0[0].split(sizes)
    tensors = [nn.Parameter(p.view(s).clone()) for p, s in zip(parts, problem.tensor_shapes(), strict=True)]
    kind = torch_class("layered", made)
    optimizer = kind([{"params": tensors[:3]}, {"params": tensors[3:]}], steps=6)
    for k in range(6):
        if k == 3:  # a checkpoint in between changes nothing
            saved, optimizer = (
                copy.deepcopy(optimizer.state_dict()),
                kind([{"params": tensors[:3]}, {"params": tensors[3:]}], steps=6),
            )
            optimizer.load_state_dict(saved)

        def closure() -> Tensor:
            x = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])[None]
            loss, gradient = problem.loss_and_gradient(x)
            for tensor, part in zip(tensors, gradient[0].split(sizes), strict=True):
                tensor.grad = part.view(tensor.shape).clone()
            return loss[0]

        optimizer.step(closure)
        assert torch.equal(torch.cat([tensor.detach().reshape(-1) for tensor in tensors]), expected[k + 1, 0])
    assert optimizer.state[tensors[2]]["m"].shape == tensors[2].shape


def test_whole_tensors_have_rates_of_groups_and_refuse_others_states() -> None:
    kind = torch_class("layered", TensorwiseModule("layered", Layered()))
    still, moving, frozen = (nn.Parameter(torch.ones(2, 3)) for _ in range(3))
    optimizer = kind([{"params": [still], "lr": 0.0}, {"params": [moving, frozen]}], steps=4)
    still.grad, moving.grad = torch.ones(2, 3), torch.ones(2, 3)
    optimizer.step(lambda: torch.tensor(1.0))
    assert torch.equal(still, torch.ones(2, 3)) and torch.equal(frozen, torch.ones(2, 3)) and float(moving.max()) < 1
    with pytest.raises(InputError, match="layered needs steps"):
        kind([moving])
    with pytest.raises(InputError, match="state is of tensors"):
        kind([nn.Parameter(torch.ones(5))], steps=4).load_state_dict(
            {
                **optimizer.state_dict(),
                "param_groups": kind([nn.Parameter(torch.ones(5))], steps=4).state_dict()["param_groups"],
            }
        )


def test_bad_input_is_one_sentence(moons: type[LearnedOptimizer]) -> None:
    with pytest.raises(InputError, match=r"adam is not a learned optimizer"):
        ls.torch_optimizer("adam")
    with pytest.raises(InputError, match="lr must be a finite factor"):
        moons([nn.Parameter(torch.zeros(2))], lr=float("nan"))
    with pytest.raises(InputError, match="lr must be a finite factor"):
        moons([{"params": [nn.Parameter(torch.zeros(2))], "lr": -1.0}])
    table = nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(InputError, match="dense gradients"):
        moons(table.parameters()).step()
