"""The derivatives of a formula's step in closed form: every intermediate number with its derivatives by (h, g), by the chain rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from core.late import torch
from core.optimizers.formula import Formula, coefficients
from core.optimizers.formula.structure import TINY

if TYPE_CHECKING:
    from torch import Tensor

Columns: TypeAlias = tuple["Tensor", "Tensor", "Tensor", "Tensor", "Tensor", "Tensor"]


class _Dual(NamedTuple):
    """Numbers [n] and their derivatives by state and gradient, [n, S + 1]."""

    value: Tensor
    by: Tensor

    def through(self, value: Tensor, slope: Tensor) -> _Dual:
        """A function of them, from its value and slope [n]."""
        return _Dual(value, slope[:, None] * self.by)

    def scaled(self, factor: float, shift: float = 0.0) -> _Dual:
        """``factor`` times them, plus ``shift``."""
        return _Dual(factor * self.value + shift, factor * self.by)


def _product(a: _Dual, b: _Dual) -> _Dual:
    return _Dual(a.value * b.value, a.value[:, None] * b.by + b.value[:, None] * a.by)


def _sum(a: _Dual, b: _Dual) -> _Dual:
    return _Dual(a.value + b.value, a.by + b.by)


def _mix(share: _Dual, a: _Dual, b: _Dual) -> _Dual:
    """share · a + (1 − share) · b."""
    return _sum(_product(share, a), _product(share.scaled(-1.0, 1.0), b))


def _scheduled(formula: Formula, states: Tensor) -> list[_Dual]:
    """The fields of `Coefficients` at the rows' steps."""
    n, size = states.shape
    counts = formula.structure.counts
    found = []
    with torch.enable_grad():
        step = (states[:, -1] if counts else states.new_zeros(n)).detach().requires_grad_()
        for field in coefficients(formula.structure, formula.values, step):
            values = torch.as_tensor(field, dtype=states.dtype).expand(n)
            by = states.new_zeros(n, size + 1)
            if values.requires_grad and counts:
                by[:, size - 1] = torch.autograd.grad(values.sum(), step, retain_graph=True)[0]
            found.append(_Dual(values.detach(), by))
    return found


def _clipped(formula: Formula, c: _Dual, g: _Dual) -> _Dual:
    """φ(g)."""
    kind = formula.structure.clipping
    none = torch.zeros_like(g.value)
    if kind == "none":
        return g
    if kind == "sign":
        return g.through(torch.sign(g.value), none)
    ratio = g.value / c.value
    if kind == "clamp":
        inside = (ratio.abs() < 1).to(ratio.dtype)
        edge = (1 - inside) * torch.sign(ratio)
        return _Dual(inside * g.value + edge * c.value, inside[:, None] * g.by + edge[:, None] * c.by)
    squashed = torch.tanh(ratio) if kind == "tanh" else torch.asinh(ratio)
    slope = 1 - squashed**2 if kind == "tanh" else 1 / torch.sqrt(1 + ratio**2)
    return _Dual(c.value * squashed, slope[:, None] * g.by + (squashed - ratio * slope)[:, None] * c.by)


def _adapted(formula: Formula, recent: _Dual) -> _Dual:
    """a(s)."""
    values = formula.values
    if formula.structure.adaptation == "root":
        tiny = torch.finfo(recent.value.dtype).tiny
        size = recent.value.clamp_min(tiny).sqrt()
        factor = 1 / (size + values["epsilon"])
        return recent.through(factor, torch.where(recent.value > tiny, -(factor**2) / (2 * size), 0))
    squared = values["scale"] ** 2
    factor = (1 + recent.value / squared) ** -values["exponent"]
    return recent.through(factor, -values["exponent"] * factor / (squared + recent.value))


def _adaptive_memory(formula: Formula, memory: _Dual, recent: _Dual) -> _Dual:
    """β with logit β = logit β_k − ψ ln(1 + s/σ²)."""
    squared, power = formula.values["scale"] ** 2, formula.values["forgetting"]
    base = memory.value
    beta = base / (base + (1 - base) * (1 + recent.value / squared) ** power)
    spread = beta * (1 - beta)
    by = (spread / (base * (1 - base)))[:, None] * memory.by
    return _Dual(beta, by - (spread * power / (squared + recent.value))[:, None] * recent.by)


def _agreement(formula: Formula, v: _Dual, before: list[_Dual], y: _Dual) -> list[_Dual]:
    """The averages of v y and of |v y|."""
    product, kept = _product(v, y), formula.values["agreement_decay"]
    absolute = product.through(product.value.abs(), torch.sign(product.value))
    pairs = zip(before, (product, absolute), strict=True)
    return [_sum(average.scaled(kept), one.scaled(1 - kept)) for average, one in pairs]


def _boost(formula: Formula, signed: _Dual, absolute: _Dual) -> _Dual:
    """e^(λ q/q₊)."""
    inverse = 1 / (absolute.value + TINY)
    agreement = _product(signed, absolute.through(inverse, -(inverse**2)))
    factor = torch.exp(formula.values["boost"] * agreement.value)
    return agreement.through(factor, formula.values["boost"] * factor)


def formula_derivatives(formula: Formula, states: Tensor, gradients: Tensor) -> Columns:
    """One step of n rows and its first derivatives, in the order of `Derivatives`.

    Args:
        formula: the formula.
        states: h, [n, S].
        gradients: g, [n].

    Returns:
        next state [n, S], update [n], ∂F/∂h [n, S, S], ∂F/∂g [n, S], ∂u/∂h [n, S] and ∂u/∂g [n].
    """
    structure, values, size = formula.structure, formula.values, formula.state_size
    by = torch.eye(size + 1, dtype=states.dtype).expand(len(states), -1, -1)
    entries = [_Dual(column, by[:, i]) for i, column in enumerate([*states.unbind(1), gradients])]
    g = entries[-1]
    first, second, direct, memory, second_memory, correction, threshold = _scheduled(formula, states)
    y = _clipped(formula, threshold, g)
    following: list[_Dual] = []
    averages: list[_Dual] = []
    recent = g
    if structure.adaptation != "none":
        gamma = values["averaging"]
        square = g.through(g.value**2, 2 * g.value)
        averages = [_sum(entries[structure.momenta].scaled(gamma), square.scaled(1 - gamma))]
        recent = _product(averages[0], correction)
    if structure.adaptive_memory:
        memory = _adaptive_memory(formula, memory, recent)
    move = _product(direct, y) if structure.momenta else _product(_sum(first, direct), y)
    for i in range(structure.momenta):
        beta, weight = (memory, first) if i == 0 else (second_memory, second)
        following.append(_mix(beta, entries[i], y))
        move = _sum(move, _product(weight, following[-1]))
    if structure.limit:
        squashed = torch.tanh(move.value / values["limit"])
        move = move.through(values["limit"] * squashed, 1 - squashed**2)
    if structure.adaptation != "none":
        move = _product(_adapted(formula, recent), move)
    following += averages
    if structure.agreement:
        averages = _agreement(formula, entries[0], entries[len(following) : len(following) + 2], y)
        move = _product(_boost(formula, *averages), move)
        following += averages
    if structure.counts:
        following.append(entries[size - 1].scaled(1.0, 1.0))
    rows = torch.stack([one.by for one in following], 1) if following else states.new_zeros(len(states), 0, size + 1)
    after = torch.stack([one.value for one in following], 1) if following else states
    return after, -move.value, rows[..., :size], rows[..., size], -move.by[:, :size], -move.by[:, size]
