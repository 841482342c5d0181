import itertools
import math

import pytest
import torch

from core.meta_loss import LOG_FLOOR, meta_loss
from core.optimizers import RecurrentOptimizer
from core.outer.compiled import CompiledOptimizer
from core.outer.gradient import Workers, outer_gradient, stride_for
from core.outer.kernels.shared import clip
from core.unroll import unroll
from tests.core.helpers import SMALL_TASKS, learned, small_problems

STEPS = 9
CASES = list(
    itertools.product(SMALL_TASKS, ["gru", "lstm", "vanilla"], ["raw", "scaled", "log_sign", "symlog", "two_scales"])
)
# Double precision is compiled for the tests alone: each cell step by step, and the GRU in whole unrolls, too. The glue of whole
# unrolls is the same for every cell; single precision is compared in all cases.
DOUBLE_CASES = [case for case in CASES if case[0] == "two_moons" or case[1] == "gru"]


def through_the_whole_graph(optimizer, problems, steps, of=lambda relative: relative):
    """Mean of a function of f(x_k) / f(x_0) and its gradient, by one autograd call; autograd's own inner gradients too."""
    theta = {name: tensor.clone().requires_grad_() for name, tensor in optimizer.theta.items()}
    differentiable = RecurrentOptimizer(optimizer.architecture, theta)
    x = problems.x0.clone().requires_grad_()
    state, losses = differentiable.initial_state(x.numel(), x.dtype), []
    for _ in range(steps + 1):
        loss = problems.loss(x)
        (gradient,) = torch.autograd.grad(loss.sum(), x, create_graph=True)
        losses.append(loss)
        state, update = differentiable.step(state, gradient.reshape(-1))
        x = x + update.view_as(x)
    each = of(torch.stack(losses) / losses[0].detach()).mean(0)
    return each.detach(), dict(zip(theta, torch.autograd.grad(each.mean(), list(theta.values())), strict=True))


def assert_same(actual, expected, rtol):
    assert actual.keys() == expected.keys()
    largest = max(tensor.abs().max().item() for tensor in expected.values())
    for name in expected:
        assert actual[name].shape == expected[name].shape
        scale = max(expected[name].abs().max().item(), 1e-5 * largest)
        torch.testing.assert_close(actual[name], expected[name], rtol=rtol, atol=rtol * scale, msg=name)


@pytest.mark.parametrize("task, cell, features", DOUBLE_CASES)
def test_exact_gradient_is_autograds(task, cell, features):
    problems = small_problems(task)
    optimizer = learned(cell=cell, features=features, feature_scale=0.7)
    gradient = outer_gradient(optimizer, problems, STEPS)
    each, expected = through_the_whole_graph(optimizer, problems, STEPS)
    torch.testing.assert_close(gradient.meta_losses, each, rtol=1e-10, atol=0)
    assert_same(gradient.gradients, expected, 1e-10)


@pytest.mark.parametrize("task", SMALL_TASKS)
def test_exact_gradient_of_the_mean_logarithm(task):
    problems, optimizer = small_problems(task), learned()
    gradient = outer_gradient(optimizer, problems, STEPS, objective="log")
    _, expected = through_the_whole_graph(optimizer, problems, STEPS, lambda relative: (relative + LOG_FLOOR).log())
    assert_same(gradient.gradients, expected, 1e-10)
    plain = outer_gradient(optimizer, problems, STEPS)
    torch.testing.assert_close(gradient.meta_losses, plain.meta_losses, rtol=0, atol=0)


@pytest.mark.parametrize("task, cell, features", CASES)
def test_exact_gradient_in_single_precision(task, cell, features):
    """Against autograd in single precision, or within what single precision costs autograd itself."""
    settings = {"cell": cell, "features": features, "feature_scale": 0.7}
    exact, rounded = (
        through_the_whole_graph(learned(dtype=dtype, **settings), small_problems(task, dtype=dtype), STEPS)[1]
        for dtype in (torch.float64, torch.float32)
    )
    gradient = outer_gradient(
        learned(dtype=torch.float32, **settings), small_problems(task, dtype=torch.float32), STEPS
    )
    a, b, c = (
        torch.cat([part.double().reshape(-1) for part in g.values()]) for g in (gradient.gradients, rounded, exact)
    )
    assert (a - b).norm() <= max(1e-4 * b.norm(), 2 * (b - c).norm())


@pytest.mark.parametrize("cell, reset", [("gru", "after"), ("gru", "before"), ("lstm", "after"), ("vanilla", "after")])
@pytest.mark.parametrize("steps", [1, 2, 9, 10])
def test_recomputing_changes_nothing(cell, reset, steps):
    problems, optimizer = small_problems("two_moons"), learned(cell=cell, reset=reset, features="symlog")
    stored = outer_gradient(optimizer, problems, steps, 0.01, recompute=False)
    recomputed = outer_gradient(optimizer, problems, steps, 0.01, recompute=True)
    assert torch.equal(stored.meta_losses, recomputed.meta_losses)
    assert all(torch.equal(stored.gradients[name], part) for name, part in recomputed.gradients.items())


def test_recomputing_takes_memory_like_the_root_of_the_steps():
    compiled = CompiledOptimizer(learned(units=64, dtype=torch.float32))
    full = {steps: compiled.bytes(8513, steps, 1) for steps in (100, 400)}
    least = {steps: compiled.bytes(8513, steps, stride_for(compiled, 8513, steps, True)) for steps in (100, 400)}
    assert full[400] / full[100] == pytest.approx(4, rel=0.02)
    assert least[400] / least[100] == pytest.approx(2, rel=0.1)
    assert stride_for(compiled, 8513, 200, None) > 1  # two moons at full size: one problem would take 2 GiB
    assert stride_for(compiled, 5, 200, None) == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(threads):
    problems = small_problems("linear_regression", count=7, dtype=torch.float32)
    optimizer = learned(dtype=torch.float32)
    gradient = outer_gradient(optimizer, problems, 20, workers=Workers(threads))
    expected = outer_gradient(optimizer, problems, 20, workers=Workers(2))
    assert all(torch.equal(gradient.gradients[name], part) for name, part in expected.gradients.items())


def test_exact_gradient_with_the_reset_before():
    problems, optimizer = small_problems("two_moons"), learned(reset="before", output_scale=0.2)
    expected = through_the_whole_graph(optimizer, problems, STEPS)[1]
    assert_same(outer_gradient(optimizer, problems, STEPS).gradients, expected, 1e-10)


@pytest.mark.parametrize("task", SMALL_TASKS)
def test_exact_gradient_is_the_slope_of_the_meta_loss(task):
    """Along random directions of θ, by central differences."""
    problems, optimizer = small_problems(task), learned(output_scale=0.005)
    gradients = outer_gradient(optimizer, problems, STEPS).gradients
    source = torch.Generator().manual_seed(3)
    for _ in range(3):
        direction = {n: torch.randn(t.shape, generator=source, dtype=t.dtype) for n, t in optimizer.theta.items()}

        def value(h, direction=direction):
            moved = optimizer.with_theta({n: t + h * direction[n] for n, t in optimizer.theta.items()})
            return outer_gradient(moved, problems, STEPS).meta_losses.mean().item()

        h = 1e-5
        slope = sum((gradients[n] * direction[n]).sum().item() for n in gradients)
        assert slope == pytest.approx((value(h) - value(-h)) / (2 * h), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("task", SMALL_TASKS)
@pytest.mark.parametrize("clip", [None, 1e12])
def test_a_clip_that_never_binds_changes_nothing(task, clip):
    problems, optimizer = small_problems(task), learned()
    exact = through_the_whole_graph(optimizer, problems, STEPS)[1]
    assert_same(outer_gradient(optimizer, problems, STEPS, clip).gradients, exact, 1e-10)


def clipped_by_hooks(optimizer, problems, steps, largest):
    """The clipped gradient by autograd, with a hook on every x_k and h_k of one graph."""
    theta = {name: tensor.clone().requires_grad_() for name, tensor in optimizer.theta.items()}
    differentiable = RecurrentOptimizer(optimizer.architecture, theta)
    count = problems.count
    x = problems.x0.clone().requires_grad_()
    state, losses = differentiable.initial_state(x.numel(), x.dtype).clone(), []

    def clip(adjoint):
        rows = adjoint.reshape(count, -1)
        return (rows * (largest / rows.norm(dim=1, keepdim=True)).clamp(max=1)).view(adjoint.shape)

    state.register_hook(clip)
    for k in range(steps + 1):
        if k:
            x.register_hook(clip)
        losses.append(problems.loss(x))
        if k < steps:
            state, update = differentiable.step(state, problems.gradient(x).reshape(-1))
            state = state.clone()  # the state handed to the next step: the readout of this one does not pass the hook
            state.register_hook(clip)
            x = x + update.view_as(x)
    # outer_gradient clips the adjoints of the sum over problems of the meta-losses
    total = (torch.stack(losses) / losses[0].detach()).mean(0).sum()
    parts = torch.autograd.grad(total, list(theta.values()))
    return {name: part / count for name, part in zip(theta, parts, strict=True)}


@pytest.mark.parametrize("task, cell", [*((task, "gru") for task in SMALL_TASKS), ("two_moons", "lstm")])
def test_clipping_acts_on_every_adjoint_of_every_problem(task, cell):
    """With an output scale this large both dL/dx and dL/dh reach the limit."""
    problems, optimizer = small_problems(task), learned(cell=cell, output_scale=2.0)
    gradients = outer_gradient(optimizer, problems, 6, 1e-3).gradients
    exact = outer_gradient(optimizer, problems, 6).gradients
    assert (gradients["weight_hh"] - exact["weight_hh"]).norm() > 1e-3 * exact["weight_hh"].norm()
    assert_same(gradients, clipped_by_hooks(optimizer, problems, 6, 1e-3), 1e-9)


def test_an_exploding_unroll_has_a_finite_clipped_gradient():
    """The losses stay finite while the exact gradient does not."""
    problems = small_problems("rosenbrock", dtype=torch.float32)
    optimizer = learned(output_scale=0.3, dtype=torch.float32)
    exact = outer_gradient(optimizer, problems, 150)
    clipped = outer_gradient(optimizer, problems, 150, 0.1)
    assert torch.isfinite(exact.meta_losses).all()
    assert all(torch.isfinite(part).all() for part in clipped.gradients.values())
    largest = max(part.abs().max() for part in exact.gradients.values())
    assert not largest < 1e3 * max(part.abs().max() for part in clipped.gradients.values())


def clipped(adjoint, problems, largest):
    """The adjoint of all rows [n, units], clipped as the compiled backward pass does it."""
    rescaled = adjoint.clone()
    clip(rescaled.numpy()[None], problems, largest)
    return rescaled


@pytest.mark.parametrize("shape", [(4, 6), (12, 2)])
def test_clip_bounds_each_problem_and_keeps_its_direction(shape):
    adjoint = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    adjoint[: shape[0] // 4] *= 1e-3
    rescaled, rows = clipped(adjoint, 4, 0.1).reshape(4, -1), adjoint.reshape(4, -1)
    assert rescaled.norm(dim=1).tolist()[1:] == pytest.approx([0.1] * 3)
    torch.testing.assert_close(rescaled[0], rows[0])
    for row_clipped, row in zip(rescaled, rows, strict=True):
        assert torch.dot(row_clipped, row) / (row_clipped.norm() * row.norm()) == pytest.approx(1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_clip_sets_non_finite_entries_to_zero(bad):
    rescaled = clipped(torch.tensor([[bad, 3.0, 4.0], [0.01, bad, 0.0], [0.0, 0.0, bad]]), 3, 0.1)
    torch.testing.assert_close(rescaled, torch.tensor([[0.0, 0.06, 0.08], [0.01, 0.0, 0.0], [0.0, 0.0, 0.0]]))


def test_gradient_is_the_mean_over_problems():
    problems, optimizer = small_problems("linear_regression", count=4), learned()
    together = outer_gradient(optimizer, problems, 5, 0.01)
    alone = [outer_gradient(optimizer, problems.part(i, i + 1), 5, 0.01) for i in range(4)]
    torch.testing.assert_close(together.meta_losses, torch.cat([single.meta_losses for single in alone]))
    mean = {name: sum(single.gradients[name] for single in alone) / 4 for name in together.gradients}
    assert_same(together.gradients, mean, 1e-10)


def test_divergence_shows_in_the_meta_losses():
    problems = small_problems("rosenbrock", dtype=torch.float32)
    gradient = outer_gradient(learned(output_scale=1e15, dtype=torch.float32), problems, 3)
    assert not torch.isfinite(gradient.meta_losses).any()
    assert not all(torch.isfinite(part).all() for part in gradient.gradients.values())


def test_meta_losses_are_those_of_the_definition():
    problems, optimizer = small_problems("two_moons"), learned()
    losses = unroll(optimizer, problems, 7, record=()).losses
    torch.testing.assert_close(outer_gradient(optimizer, problems, 7).meta_losses, meta_loss(losses))
