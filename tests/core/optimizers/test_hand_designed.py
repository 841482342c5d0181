import itertools
import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from core.errors import InputError
from core.optimizers import HAND_DESIGNED, make_hand_designed

STEPS, ROWS = 200, 7


def gradients(steps=STEPS, rows=ROWS, seed=0):
    """Gradients over many orders of magnitude, with exact zeros in between."""
    source = np.random.default_rng(seed)
    values = source.normal(size=(steps, rows)) * 10 ** source.uniform(-4, 3, size=(steps, rows))
    values[source.random((steps, rows)) < 0.1] = 0.0
    return torch.from_numpy(values)


def run(optimizer, inputs):
    """Updates [K, n] and states [K + 1, n, S]."""
    state = optimizer.initial_state(inputs.shape[1], inputs.dtype)
    states, updates = [state], []
    for gradient in inputs:
        state, update = optimizer.step(state, gradient)
        states.append(state)
        updates.append(update)
    return torch.stack(updates), torch.stack(states)


def torch_path(kind, options, inputs):
    """x_k, k = 1 … K, of a torch.optim optimizer that is fed these gradients."""
    x = torch.nn.Parameter(torch.zeros(inputs.shape[1], dtype=inputs.dtype))
    optimizer = kind([x], **options)
    path = []
    for gradient in inputs:
        x.grad = gradient.clone()
        optimizer.step()
        path.append(x.detach().clone())
    return torch.stack(path)


sgd, rmsprop, adam = torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adam
PAIRS = [
    ("sgd", {}, sgd, {}),
    ("sgd", {"learning_rate": 0.7}, sgd, {"lr": 0.7}),
    ("momentum", {}, sgd, {}),
    ("momentum", {"learning_rate": 0.3, "momentum": 0.9}, sgd, {"lr": 0.3, "momentum": 0.9}),
    ("momentum", {"learning_rate": 2, "momentum": 0.999}, sgd, {"lr": 2, "momentum": 0.999}),
    (
        "nesterov",
        {"learning_rate": 0.3, "momentum": 0.9},
        sgd,
        {"lr": 0.3, "momentum": 0.9, "nesterov": True},
    ),
    (
        "nesterov",
        {"learning_rate": 0.1, "momentum": 0.5},
        sgd,
        {"lr": 0.1, "momentum": 0.5, "nesterov": True},
    ),
    ("rmsprop", {}, rmsprop, {}),
    ("rmsprop", {"learning_rate": 0.2, "decay": 0.5}, rmsprop, {"lr": 0.2, "alpha": 0.5}),
    ("rmsprop", {"decay": 0.9, "epsilon": 0.1}, rmsprop, {"alpha": 0.9, "eps": 0.1}),
    ("adam", {}, adam, {}),
    ("adam", {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.9}, adam, {"lr": 0.1, "betas": (0.5, 0.9)}),
    ("adam", {"beta1": 0.0, "epsilon": 0.01}, adam, {"betas": (0.0, 0.999), "eps": 0.01}),
    ("adam", {"beta1": 0.99, "beta2": 0.0}, adam, {"betas": (0.99, 0.0)}),
]


@pytest.mark.parametrize("name, ours, kind, theirs", PAIRS)
def test_every_step_is_torch_optims(name, ours, kind, theirs):
    inputs = gradients()
    updates, _ = run(make_hand_designed(name, ours), inputs)
    path = torch_path(kind, theirs, inputs)
    assert updates.abs().max() > 1e-6
    torch.testing.assert_close(updates.cumsum(0), path, rtol=1e-12, atol=1e-13 * path.abs().max().item())


MEMORY = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9},
    "rmsprop": {"decay": 0.8},
    "adam": {"beta1": 0.8, "beta2": 0.95},
}


@pytest.mark.parametrize("name", MEMORY)
@pytest.mark.parametrize("decay", [0.03, 2.0])
def test_learning_rate_decay_is_inverse_time(name, decay):
    """α_k = α / (1 + decay · k) scales each update and touches nothing else."""
    inputs = gradients(60)
    plain, _ = run(make_hand_designed(name, {"learning_rate": 0.5, **MEMORY[name]}), inputs)
    decayed, _ = run(
        make_hand_designed(name, {"learning_rate": 0.5, "learning_rate_decay": decay, **MEMORY[name]}), inputs
    )
    factors = torch.tensor([1 / (1 + decay * k) for k in range(60)], dtype=torch.float64)
    torch.testing.assert_close(decayed, factors[:, None] * plain, rtol=1e-12, atol=0)


SCHEDULED = ("adam_cosine", "adam_exponential")
SETTINGS = {"learning_rate": 0.1, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6}


def scheduled_path(inputs, make):
    """x_k of `torch.optim.Adam` under a `torch.optim.lr_scheduler` made from it."""
    x = torch.nn.Parameter(torch.zeros(inputs.shape[1], dtype=inputs.dtype))
    optimizer = torch.optim.Adam([x], lr=0.1, betas=(0.8, 0.95), eps=1e-6)
    scheduler, path = make(optimizer), []
    for gradient in inputs:
        x.grad = gradient.clone()
        optimizer.step()
        scheduler.step()
        path.append(x.detach().clone())
    return torch.stack(path)


@pytest.mark.parametrize("half_life", [1, 7.5, 2000])
def test_adam_exponential_is_torchs(half_life):
    inputs = gradients()
    updates, _ = run(make_hand_designed("adam_exponential", {**SETTINGS, "half_life": half_life}), inputs)
    path = scheduled_path(inputs, lambda o: lr_scheduler.ExponentialLR(o, 0.5 ** (1 / half_life)))
    torch.testing.assert_close(updates.cumsum(0), path, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("warmup, horizon", [(0, STEPS), (1, STEPS), (30, STEPS), (30, 150)])
def test_adam_cosine_is_torchs(warmup, horizon):
    """Linear warm-up, then cosine annealing; past the horizon the rate stays 0, where torch's rises again."""
    inputs = gradients()
    updates, _ = run(make_hand_designed("adam_cosine", {**SETTINGS, "warmup": warmup, "horizon": horizon}), inputs)

    def make(optimizer):
        fall = lr_scheduler.CosineAnnealingLR(optimizer, horizon - warmup)
        if not warmup:
            return fall
        rise = lr_scheduler.LinearLR(optimizer, 1 / (warmup + 1), total_iters=warmup)
        return lr_scheduler.SequentialLR(optimizer, [rise, fall], [warmup])

    path = scheduled_path(inputs, make)
    torch.testing.assert_close(updates[:horizon].cumsum(0), path[:horizon], rtol=1e-10, atol=1e-12)
    assert not updates[horizon:].any() and updates[horizon - 1].any()


@pytest.mark.parametrize("warmup, horizon", [(9.5, 20), (50, 20), (20, 20)])
def test_adam_cosine_with_any_settings(warmup, horizon):
    """Against the formula written out, with warm-ups that are fractions or longer than the horizon."""
    inputs = gradients(40)

    def factor(k):
        if k >= horizon:
            return 0.0
        rise = min(1.0, (k + 1) / (warmup + 1))
        return rise * (1 if k <= warmup else 0.5 + 0.5 * math.cos(math.pi * (k - warmup) / (horizon - warmup)))

    updates, _ = run(make_hand_designed("adam_cosine", {**SETTINGS, "warmup": warmup, "horizon": horizon}), inputs)
    path = scheduled_path(inputs, lambda o: lr_scheduler.LambdaLR(o, factor))
    torch.testing.assert_close(updates.cumsum(0), path, rtol=1e-10, atol=1e-12)


def test_learning_rate_decay_is_adagrads():
    """Adagrad's update divided by what it accumulates leaves α_k, for its lr_decay."""
    inputs, accumulated = gradients(50).abs() + 1e-3, 0.0
    path = torch_path(torch.optim.Adagrad, {"lr": 0.4, "lr_decay": 0.1, "eps": 0.0}, inputs)
    updates, _ = run(make_hand_designed("sgd", {"learning_rate": 0.4, "learning_rate_decay": 0.1}), inputs)
    for k, gradient in enumerate(inputs):
        accumulated = accumulated + gradient**2
        adagrad = path[k] - (path[k - 1] if k else 0)
        torch.testing.assert_close(adagrad * accumulated.sqrt(), updates[k], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "name, values",
    [
        ("sgd", {"learning_rate": [0.1, 0.2, 3.0], "learning_rate_decay": [0.0, 0.5, 0.1]}),
        ("momentum", {"learning_rate": [0.1, 0.2, 3.0], "momentum": [0.0, 0.5, 0.99]}),
        ("nesterov", {"learning_rate": [0.1, 0.2, 3.0], "momentum": [0.0, 0.5, 0.99]}),
        ("rmsprop", {"decay": [0.0, 0.9, 0.999], "epsilon": [1e-8, 1e-3, 0.1]}),
        ("adam", {"beta1": [0.0, 0.9, 0.5], "beta2": [0.9, 0.999, 0.0], "learning_rate_decay": [0.1, 0.0, 1.0]}),
        ("adam_cosine", {"warmup": [0.0, 4.5, 60.0], "horizon": [40.0, 20.0, 30.0], "beta1": [0.0, 0.9, 0.5]}),
        ("adam_exponential", {"half_life": [1.0, 7.0, 2000.0], "beta2": [0.9, 0.999, 0.0]}),
    ],
)
def test_a_tensor_gives_every_row_its_own_hyperparameters(name, values):
    inputs = gradients(40, 3)
    together, _ = run(
        HAND_DESIGNED[name](**{k: torch.tensor(v, dtype=torch.float64) for k, v in values.items()}), inputs
    )
    for row in range(3):
        alone, _ = run(make_hand_designed(name, {k: v[row] for k, v in values.items()}), inputs[:, row : row + 1])
        torch.testing.assert_close(together[:, row : row + 1], alone, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name, decay", [*itertools.product(MEMORY, [0.0, 0.1]), *((n, None) for n in SCHEDULED)])
def test_shapes_names_and_clock_of_the_state(name, decay):
    optimizer = make_hand_designed(name, {} if decay is None else {"learning_rate_decay": decay})
    state = optimizer.initial_state(4, torch.float64)
    assert state.shape == (4, optimizer.state_size) and state.dtype == torch.float64 and not state.any()
    assert optimizer.name == name and optimizer.smooth
    following, update = optimizer.step(state, torch.ones(4, dtype=torch.float64))
    assert following.shape == state.shape and update.shape == (4,)
    assert (optimizer.clock is not None) == (name.startswith("adam") or decay > 0)
    if optimizer.clock is not None:
        assert (following[:, optimizer.clock] == 1).all()


def test_states_hold_what_their_names_say():
    inputs = gradients(30)
    _, momentum = run(make_hand_designed("momentum", {"momentum": 0.9}), inputs)
    _, rmsprop_state = run(make_hand_designed("rmsprop", {"decay": 0.9}), inputs)
    _, adam_state = run(make_hand_designed("adam", {"beta1": 0.8, "beta2": 0.7}), inputs)
    powers = torch.arange(29, -1, -1, dtype=torch.float64)[:, None]
    pairs = [
        (momentum[-1, :, 0], (0.9**powers * inputs).sum(0)),
        (rmsprop_state[-1, :, 0], (0.1 * 0.9**powers * inputs**2).sum(0)),
        (adam_state[-1, :, 0], (0.2 * 0.8**powers * inputs).sum(0)),
        (adam_state[-1, :, 1], (0.3 * 0.7**powers * inputs**2).sum(0)),
        (adam_state[-1, :, 2], torch.full((ROWS,), 30.0, dtype=torch.float64)),
    ]
    for actual, expected in pairs:
        torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-12)


def slope_at_zero(optimizer, state):
    gradient = torch.zeros(len(state), dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(optimizer.step(state, gradient)[1].sum(), gradient)[0]


@pytest.mark.parametrize("s", [0.0, 1e-12, 0.04, 9.0])
def test_effective_rate_of_rmsprop_is_its_closed_form(s):
    optimizer = make_hand_designed("rmsprop", {"learning_rate": 0.3, "decay": 0.9, "epsilon": 1e-3})
    slope = slope_at_zero(optimizer, torch.tensor([[s]], dtype=torch.float64))
    assert slope.item() == pytest.approx(-0.3 / ((0.9 * s) ** 0.5 + 1e-3), rel=1e-12)


@pytest.mark.parametrize("k, s", [(0, 0.0), (0, 0.3), (5, 0.0), (20, 2.0)])
def test_effective_rate_of_adam_is_its_bias_correction(k, s):
    optimizer = make_hand_designed("adam", {"learning_rate": 0.1, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-2})
    slope = slope_at_zero(optimizer, torch.tensor([[0.0, s, k]], dtype=torch.float64))
    first, second = 1 - 0.8 ** (k + 1), 1 - 0.9 ** (k + 1)
    assert slope.item() == pytest.approx(-0.1 * 0.2 / first / ((0.9 * s / second) ** 0.5 + 1e-2), rel=1e-12)


@pytest.mark.parametrize("name, factor", [("sgd", 1.0), ("momentum", 1.0), ("nesterov", 1.5)])
def test_effective_rate_of_linear_optimizers(name, factor):
    values = {"learning_rate": 0.2} if name == "sgd" else {"learning_rate": 0.2, "momentum": 0.5}
    optimizer = make_hand_designed(name, values)
    slope = slope_at_zero(optimizer, optimizer.initial_state(2, torch.float64))
    torch.testing.assert_close(slope, torch.full((2,), -0.2 * factor, dtype=torch.float64))


def test_rmsprop_saturates_from_rest():
    optimizer = make_hand_designed("rmsprop", {"learning_rate": 0.3, "decay": 0.96})
    _, update = optimizer.step(
        optimizer.initial_state(2, torch.float64), torch.tensor([-1e8, 1e8], dtype=torch.float64)
    )
    torch.testing.assert_close(update, torch.tensor([1.5, -1.5], dtype=torch.float64))


@pytest.mark.parametrize("name", ["rmsprop", "adam"])
def test_jacobian_of_the_state_at_rest_is_finite(name):
    optimizer = make_hand_designed(name)
    state = torch.zeros(1, optimizer.state_size, dtype=torch.float64)

    def step(h):
        return optimizer.step(h, torch.zeros(1, dtype=torch.float64))

    for way in (torch.func.jacrev, torch.func.jacfwd):
        assert all(torch.isfinite(part).all() for part in way(step)(state))


@pytest.mark.parametrize(
    "name, hyperparameters, words",
    [
        ("lion", {}, "unknown optimizer 'lion': choose one of sgd, momentum, nesterov, rmsprop, adam"),
        (None, {}, "unknown optimizer None"),
        ("sgd", {"momentum": 0.9}, "sgd has no hyperparameter 'momentum': it takes learning_rate, learning_rate_decay"),
        ("adam", {"lr": 0.9}, "adam has no hyperparameter 'lr': it takes learning_rate, beta1, beta2, epsilon"),
        ("sgd", {"learning_rate": -1}, "learning_rate must be a finite number, 0 or more (got -1)"),
        ("sgd", {"learning_rate": float("nan")}, "got nan"),
        ("sgd", {"learning_rate": float("inf")}, "got inf"),
        ("sgd", {"learning_rate": "0.1"}, "got '0.1'"),
        ("sgd", {"learning_rate": True}, "got True"),
        ("sgd", {"learning_rate": None}, "got None"),
        ("momentum", {"momentum": 1}, "momentum: momentum must be at least 0 and below 1 (got 1)"),
        ("rmsprop", {"decay": 1.0}, "rmsprop: decay must be at least 0 and below 1"),
        ("adam", {"beta1": 1.5}, "adam: beta1 must be at least 0 and below 1"),
        ("adam_exponential", {"half_life": 0}, "adam_exponential: half_life must be above 0 (got 0)"),
        ("adam_cosine", {"horizon": 0.0}, "adam_cosine: horizon must be above 0"),
        ("adam_cosine", {"learning_rate_decay": 0.1}, "adam_cosine has no hyperparameter 'learning_rate_decay'"),
        ("adam", {"beta2": 1.0}, "adam: beta2 must be at least 0 and below 1"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(name, hyperparameters, words):
    with pytest.raises(InputError) as caught:
        make_hand_designed(name, hyperparameters)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_hyperparameters_reads_back():
    given = {"learning_rate": 0.5, "decay": 0.3, "epsilon": 0.1, "learning_rate_decay": 0.0}
    assert make_hand_designed("rmsprop", given).hyperparameters() == given


def test_clipped_sgd_is_torchs_after_clipping_values():
    inputs = gradients(40)
    updates, _ = run(make_hand_designed("clipped_sgd", {"learning_rate": 0.3, "threshold": 0.6}), inputs)
    x = torch.nn.Parameter(torch.zeros(inputs.shape[1], dtype=inputs.dtype))
    optimizer = torch.optim.SGD([x], lr=0.3)
    for gradient, total in zip(inputs, updates.cumsum(0), strict=True):
        x.grad = gradient.clone()
        torch.nn.utils.clip_grad_value_([x], 0.6)
        optimizer.step()
        torch.testing.assert_close(total, x.detach(), rtol=1e-12, atol=1e-14)


def test_scheduled_sgd_is_torchs_under_its_schedulers():
    inputs, warmup, horizon = gradients(40), 7, 40
    values = {"learning_rate": 0.3, "warmup": warmup, "horizon": horizon}
    updates, _ = run(make_hand_designed("scheduled_sgd", values), inputs)
    x = torch.nn.Parameter(torch.zeros(inputs.shape[1], dtype=inputs.dtype))
    optimizer = torch.optim.SGD([x], lr=0.3)
    rise = lr_scheduler.LinearLR(optimizer, 1 / (warmup + 1), total_iters=warmup)
    fall = lr_scheduler.CosineAnnealingLR(optimizer, horizon - warmup)
    scheduler = lr_scheduler.SequentialLR(optimizer, [rise, fall], [warmup])
    for gradient, total in zip(inputs, updates.cumsum(0), strict=True):
        x.grad = gradient.clone()
        optimizer.step()
        scheduler.step()
        torch.testing.assert_close(total, x.detach(), rtol=1e-10, atol=1e-12)
