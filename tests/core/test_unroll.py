import pytest
import torch

from core.optimizers import make_hand_designed
from core.unroll import EVERYTHING, unroll
from tests.core.helpers import SMALL_TASKS, learned, plain_losses, small_problems

STEPS = 12
TORCH = [
    ("momentum", {"learning_rate": 1e-4, "momentum": 0.9}, torch.optim.SGD, {"lr": 1e-4, "momentum": 0.9}),
    ("rmsprop", {"learning_rate": 0.01}, torch.optim.RMSprop, {"lr": 0.01}),
    ("adam", {"learning_rate": 0.05}, torch.optim.Adam, {"lr": 0.05}),
]


@pytest.mark.parametrize("task", SMALL_TASKS)
@pytest.mark.parametrize("name, ours, kind, theirs", TORCH)
def test_against_torch_optim_on_a_parameter(task, name, ours, kind, theirs):
    problems = small_problems(task)
    trajectory = unroll(make_hand_designed(name, ours), problems, STEPS)
    x = torch.nn.Parameter(problems.x0.clone())
    optimizer = kind([x], **theirs)
    for k in range(STEPS + 1):
        optimizer.zero_grad()
        loss = problems.loss(x)
        loss.sum().backward()
        torch.testing.assert_close(trajectory.losses[k], loss.detach(), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(trajectory.x[k], x.detach(), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(trajectory.gradients[k], x.grad, rtol=1e-8, atol=1e-10)
        optimizer.step()


@pytest.mark.parametrize("task", SMALL_TASKS)
@pytest.mark.parametrize("cell", ["gru", "lstm", "vanilla"])
def test_learned_optimizers_against_a_plain_loop(task, cell):
    problems, optimizer = small_problems(task), learned(cell=cell)
    losses = unroll(optimizer, problems, STEPS, record=()).losses
    torch.testing.assert_close(losses, plain_losses(optimizer, problems, STEPS), rtol=1e-9, atol=1e-12)


def test_shapes():
    problems, optimizer = small_problems("two_moons"), learned(cell="lstm")
    trajectory = unroll(optimizer, problems, STEPS)
    size = problems.dimension
    assert trajectory.losses.shape == (STEPS + 1, 3)
    assert trajectory.x.shape == trajectory.gradients.shape == (STEPS + 1, 3, size)
    assert trajectory.states.shape == (STEPS + 1, 3, size, 10)
    assert trajectory.updates.shape == (STEPS, 3, size)
    assert all(getattr(trajectory, name).dtype == torch.float64 for name in EVERYTHING)


def test_parts_fit_together():
    """x moves by the updates, losses and gradients are those at x, states follow from step()."""
    problems, optimizer = small_problems("linear_regression"), learned(output_scale=0.1)
    trajectory = unroll(optimizer, problems, STEPS)
    torch.testing.assert_close(trajectory.x.diff(dim=0), trajectory.updates, rtol=1e-9, atol=1e-14)
    for k in range(STEPS):
        torch.testing.assert_close(trajectory.losses[k], problems.loss(trajectory.x[k]))
        torch.testing.assert_close(trajectory.gradients[k], problems.gradient(trajectory.x[k]))
        state, update = optimizer.step(trajectory.states[k].reshape(15, -1), trajectory.gradients[k].reshape(-1))
        torch.testing.assert_close(trajectory.states[k + 1].reshape(15, -1), state)
        torch.testing.assert_close(trajectory.updates[k].reshape(-1), update)


@pytest.mark.parametrize("record", [(), ("x",), ("states", "updates"), ("gradients", "x")])
def test_only_what_is_asked_for_is_kept(record):
    trajectory = unroll(learned(), small_problems("rosenbrock"), 3, record=record)
    full = unroll(learned(), small_problems("rosenbrock"), 3)
    assert torch.equal(trajectory.losses, full.losses)
    for name in EVERYTHING:
        if name in record:
            assert torch.equal(getattr(trajectory, name), getattr(full, name))
        else:
            assert getattr(trajectory, name) is None


@pytest.mark.parametrize("components", [[0], [4, 1], [2, 2, 3]])
def test_chosen_components(components):
    problems = small_problems("linear_regression")
    chosen = unroll(learned(), problems, 4, components=components)
    full = unroll(learned(), problems, 4)
    assert torch.equal(chosen.states, full.states[:, :, components])
    assert torch.equal(chosen.x, full.x)


def test_no_steps():
    problems = small_problems("rosenbrock")
    trajectory = unroll(learned(), problems, 0)
    assert trajectory.updates.shape == (0, 3, 2)
    assert torch.equal(trajectory.x, problems.x0[None])
    assert torch.equal(trajectory.losses, problems.loss(problems.x0)[None])


def test_no_graph_is_left_and_the_start_is_untouched():
    problems = small_problems("rosenbrock")
    optimizer = learned()
    optimizer = optimizer.with_theta({name: t.clone().requires_grad_() for name, t in optimizer.theta.items()})
    before = problems.x0.clone()
    trajectory = unroll(optimizer, problems, 3)
    assert not any(getattr(trajectory, name).requires_grad for name in ("losses", "x", "gradients", "updates"))
    assert torch.equal(problems.x0, before)


def test_optimizers_without_memory_have_empty_states():
    assert unroll(make_hand_designed("sgd"), small_problems("rosenbrock"), 2).states.shape == (3, 3, 2, 0)


def test_divergence_stays_visible():
    """Nothing replaces a non-finite loss, and the other problems go on."""
    problems = small_problems("rosenbrock")
    far = problems.x0.clone()
    far[1] = 1e150
    losses = unroll(make_hand_designed("sgd", {"learning_rate": 1e-5}), problems.starting_at(far), 3, record=()).losses
    assert not torch.isfinite(losses[:, 1]).any()
    assert torch.isfinite(losses[:, [0, 2]]).all()
