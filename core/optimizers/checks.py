"""Checks that an optimizer meets the instruments' requirements, by running it."""

import torch
from torch import Tensor

from core.errors import InputError
from core.optimizers.base import Optimizer
from core.optimizers.precision import double

ROWS = 6
STEPS = 4
COUNTED = 200  # steps over which a clock must count evenly, and a constant stay
EVEN = 1e-9  # relative: a clock that counts in thousandths is rounded
CLOSE = {torch.float32: 1e-4, torch.float64: 1e-9}
TINY = 1e-14  # a gradient that hardly changes a continuous update


def check_optimizer(optimizer: Optimizer) -> None:
    """Check shapes, that components are independent, and that steps are deterministic and differentiable.

    Raises:
        InputError: a check fails.
    """
    for dtype in (torch.float32, torch.float64):
        _check(double(optimizer) if dtype == torch.float64 else optimizer, dtype)


def _check(optimizer: Optimizer, dtype: torch.dtype) -> None:
    def refuse(why: str) -> InputError:
        return InputError(f"optimizer {optimizer.name}: {why}")

    source = torch.Generator().manual_seed(0)
    state = optimizer.initial_state(ROWS, dtype)
    size = optimizer.state_size
    if state.shape != (ROWS, size) or state.dtype != dtype:
        raise refuse(f"the first state must be [n, {size}] in {dtype} (got {list(state.shape)} in {state.dtype})")
    gradient = torch.zeros(ROWS, dtype=dtype)
    for _ in range(STEPS):
        gradient = torch.randn(ROWS, generator=source, dtype=torch.float64).to(dtype)
        state = stepped(optimizer, state, gradient, size)[0].detach()
    following, update = stepped(optimizer, state, gradient, size)
    if not (torch.isfinite(following).all() and torch.isfinite(update).all()):
        raise refuse("a few steps with gradients of size 1 give numbers that are not finite")
    again = stepped(optimizer, state, gradient, size)
    if not (torch.equal(following, again[0]) and torch.equal(update, again[1])):
        raise refuse(
            "the same state and gradient give different steps: it must be deterministic, and keep nothing on itself"
        )
    order = torch.randperm(ROWS, generator=source)
    moved = stepped(optimizer, state[order], gradient[order], size)
    alone = stepped(optimizer, state[:1], gradient[:1], size)
    pairs = [(moved[0], following[order]), (moved[1], update[order]), (alone[0], following[:1]), (alone[1], update[:1])]
    if not all(torch.allclose(a, b, rtol=CLOSE[dtype], atol=CLOSE[dtype]) for a, b in pairs):
        raise refuse("components influence each other: every row must evolve independently")
    if optimizer.differentiable:
        _differentiate(optimizer, state, gradient)


def stepped(optimizer: Optimizer, state: Tensor, gradient: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """One step with checked shapes."""
    try:
        following, update = optimizer.step(state, gradient)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - other people's code can raise anything
        text = " ".join(str(error).split())
        precision = str(state.dtype).removeprefix("torch.")
        hint = "; make constants in the state's precision, or register them as buffers" if "dtype" in text else ""
        raise InputError(
            f"optimizer {optimizer.name}: its step(state [n, S], gradient [n]) fails in {precision} with {type(error).__name__}: "
            f"{text:.200}{hint}"
        ) from None
    expected = ((len(state), size), (len(state),))
    shapes = tuple(tuple(getattr(result, "shape", ())) for result in (following, update))
    if shapes != expected:
        raise InputError(
            f"optimizer {optimizer.name}: a step must return (state [n, {size}], update [n]) "
            f"(of {len(state)} components it returns {', '.join(str(list(shape)) for shape in shapes)})"
        )
    if following.dtype != state.dtype or update.dtype != state.dtype:
        got = ", ".join(str(one.dtype).removeprefix("torch.") for one in (following, update))
        raise InputError(
            f"optimizer {optimizer.name}: a step must return state and update in the precision of the state, "
            f"{str(state.dtype).removeprefix('torch.')} (it returns {got})"
        )
    return following, update


def _differentiate(optimizer: Optimizer, state: Tensor, gradient: Tensor) -> None:
    instead = "or say differentiable = False: its slopes are then difference quotients"
    with torch.enable_grad():
        h, g = state.detach().requires_grad_(), gradient.detach().requires_grad_()
        following, update = optimizer.step(h, g)
        outputs = [one.sum() for one in (following, update) if one.requires_grad]
        try:
            slopes = torch.autograd.grad(outputs, (h, g), allow_unused=True) if outputs else (None, None)
        except RuntimeError as error:
            text = " ".join(str(error).split())
            raise InputError(
                f"optimizer {optimizer.name}: torch cannot differentiate its step ({instead}): {text:.160}"
            ) from None
    if slopes[1] is None:
        raise InputError(
            f"optimizer {optimizer.name}: its step cannot be differentiated with respect to the gradient: something is detached ({instead})"
        )
    if not torch.isfinite(slopes[1]).all():
        raise InputError(f"optimizer {optimizer.name}: the slope of its update function is not finite")


def find_held(optimizer: Optimizer) -> tuple[list[int], list[int]]:
    """State entries that only count (the same step, not 0, for every row whatever its gradient), and those that never change."""
    source = torch.Generator().manual_seed(1)
    state = optimizer.initial_state(ROWS, torch.float64)
    counts = torch.ones(optimizer.state_size, dtype=torch.bool)
    stays = counts.clone()
    first: Tensor | None = None
    for _ in range(COUNTED):
        sizes = 10 ** (4 - 12 * torch.rand(ROWS, generator=source, dtype=torch.float64))
        gradient = sizes * torch.randn(ROWS, generator=source, dtype=torch.float64).sign()
        with torch.no_grad():
            following = stepped(optimizer, state, gradient, optimizer.state_size)[0]
        moved = following - state
        first = moved[0] if first is None else first
        same = (moved == moved[0]).all(0)
        counts &= (
            same & (first != 0) & ((moved[0] - first).abs() <= EVEN * first.abs().clamp_min(EVEN * state[0].abs()))
        )
        stays &= (moved == 0).all(0)
        state = following
    return tuple(torch.nonzero(one)[:, 0].tolist() for one in (counts, stays))  # type: ignore[return-value]


def is_smooth(optimizer: Optimizer) -> bool:
    """Whether the update hardly changes for a gradient close to 0; for a sign function it would."""
    state = optimizer.initial_state(3, torch.float64)
    probes = torch.tensor([1.0, TINY, -TINY], dtype=torch.float64)
    with torch.no_grad():
        full, above, below = optimizer.step(state, probes)[1].tolist()
    return abs(above - below) < 1e-3 * max(abs(full), 1e-300)
