"""A formula as LaTeX, with its numbers."""

import math

from core.optimizers.formula import PARAMETERS, Formula, Structure
from core.optimizers.formula.structure import KNOTS

DIGITS = 3
MOST_PLACES = 5  # after the point, of a decay


def number(value: float, digits: int = DIGITS) -> str:
    """A number with so many significant digits, in LaTeX: 0.042, 1.2 · 10⁻⁷."""
    text = f"{value:.{digits}g}"
    mantissa, _, power = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if power else text


def decay(value: float) -> str:
    """A decay with digits that show its distance from 1: 0.99988, not 1; beyond five of them that distance itself, (1 - 6.1 · 10⁻⁸)."""
    if not 0.9 < value < 1:
        return number(value)
    places = 1 - math.floor(math.log10(1 - value))
    return f"{value:.{places}f}" if places <= MOST_PLACES else f"(1 - {number(1 - value, 2)})"


def _entering(kept: str) -> str:
    """1 − β, of a β as `decay` writes it, or of its symbol."""
    return kept.removeprefix("(1 - ").removesuffix(")") if kept.startswith("(1 - ") else f"(1 - {kept})"


def _written(name: str, value: float) -> str:
    return decay(value) if PARAMETERS[name].transform == "logit" else number(value)


def lines(formula: Formula) -> list[str]:
    """The equations of one step, in the order in which they are computed.

    Args:
        formula: the formula.
    """
    structure = formula.structure
    n = {name: _written(name, value) for name, value in formula.values.items()}
    return [*_clipping(structure, n), *_schedule(formula, n), *_averages(structure, n), *_update(formula, n)]


def latex(formula: Formula) -> str:
    r"""The formula as one ``aligned`` block.

    Args:
        formula: the formula.
    """
    body = " \\\\\n".join(
        line.replace(" = ", " &= ", 1).replace(r" \leftarrow ", r" &\leftarrow ", 1) for line in lines(formula)
    )
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _clipping(structure: Structure, n: dict[str, str]) -> list[str]:
    c = n.get("threshold", "c_k")
    if structure.clipping == "none":
        return []
    if structure.clipping == "sign":
        return [r"y = \operatorname{sign} g"]
    if structure.clipping == "clamp":
        return [rf"y = \min(\max(g, -{c}), {c})"]
    function = {"tanh": r"\tanh", "symlog": r"\operatorname{asinh}"}[structure.clipping]
    return [rf"y = {c} {function} \frac{{g}}{{{c}}}"]


def _relaxing(formula: Formula, name: str) -> str:
    """last + (first − last) e^(−k/τ), with the difference as one number."""
    first, last = formula.values[name], formula.values[f"{name}_last"]
    return rf"{_written(name, last)} {_signed(first - last)} e^{{-k/{number(formula.values['relaxation'])}}}"


def _signed(value: float) -> str:
    """A number after its sign as an operator."""
    return f"{'-' if value < 0 else '+'} {number(abs(value))}"


def _schedule(formula: Formula, n: dict[str, str]) -> list[str]:
    structure = formula.structure
    rate = n.get("rate", "")
    if structure.schedule == "knots":
        symbols = {"rate": r"\alpha", "memory": r"\beta", "direct": r"\delta", "threshold": "c"}
        steps = ", ".join(str(knot) for knot in KNOTS)
        return [
            rf"{symbol}_{{{steps}}} = {', '.join(n[f'{name}_{knot}'] for knot in KNOTS)}"
            for name, symbol in symbols.items()
            if f"{name}_{KNOTS[0]}" in n
        ]
    if structure.schedule == "relaxing":
        warm = rf"(1 {_signed(formula.values['warmup_from'] - 1)} e^{{-k/{n['warmup']}}})"
        found = [rf"\alpha_k = ({_relaxing(formula, 'rate')}) {warm}"]
        if structure.momenta:
            found += [rf"\beta_k = {_relaxing(formula, 'memory')}", rf"\delta_k = {_relaxing(formula, 'direct')}"]
        return found
    if structure.schedule == "inverse_time":
        return [rf"\alpha_k = \frac{{{rate}}}{{1 + {n['decay']} k}}"]
    if structure.schedule == "half_life":
        return [rf"\alpha_k = {rate} \cdot 2^{{-k/{n['half_life']}}}"]
    if structure.schedule == "warmup_cosine":
        w, t = n["cosine_warmup"], n["horizon"]
        rise = rf"\min(\frac{{k + 1}}{{{w} + 1}}, 1)"
        fall = rf"(\frac{{1}}{{2}} + \frac{{1}}{{2}} \cos(\pi \frac{{k - {w}}}{{{t} - {w}}}))"
        return [rf"\alpha_k = {rate} {rise} {fall}"]
    return []


def _of_step(structure: Structure, n: dict[str, str], name: str, symbol: str) -> str:
    """The symbol of a scheduled number, or its value."""
    scheduled = structure.schedule in ("relaxing", "knots") or (name == "rate" and structure.schedule != "none")
    return f"{symbol}_k" if scheduled else n[name]


def _averages(structure: Structure, n: dict[str, str]) -> list[str]:
    y = "y" if structure.clipping != "none" else "g"
    found = []
    if structure.adaptation != "none":
        gamma = n["averaging"]
        found.append(rf"s \leftarrow {gamma} s + {_entering(gamma)} g^2")
    if structure.momenta:
        beta = _of_step(structure, n, "memory", r"\beta")
        if structure.adaptive_memory:
            faster = rf"(1 + \frac{{s}}{{{n['scale']}^2}})^{{{n['forgetting']}}}"
            found.append(rf"b = \frac{{{beta}}}{{{beta} + {_entering(beta)} {faster}}}")
            beta = "b"
        if structure.agreement:
            kappa = n["agreement_decay"]
            found.append(rf"q \leftarrow {kappa} q + {_entering(kappa)} v {y}")
            found.append(rf"q_+ \leftarrow {kappa} q_+ + {_entering(kappa)} |v {y}|")
        found.append(rf"v \leftarrow {beta} v + {_entering(beta)} {y}")
    if structure.momenta == 2:
        beta = n["second_memory"]
        found.append(rf"w \leftarrow {beta} w + {_entering(beta)} {y}")
    return found


def _update(formula: Formula, n: dict[str, str]) -> list[str]:
    structure, values = formula.structure, formula.values
    y = "y" if structure.clipping != "none" else "g"
    rate = _of_step(structure, n, "rate", r"\alpha")
    inner = y
    if structure.momenta:
        direct = _of_step(structure, n, "direct", r"\delta")
        share = f" {_signed(-values['second_share'])}" if structure.momenta == 2 else ""
        second = f" {_signed(values['second_share'])} w" if structure.momenta == 2 else ""
        inner = rf"((1 - {direct}{share}) v{second} + {direct} {y})"
    corrected = structure.bias_correction
    if corrected and structure.momenta:
        inner = rf"\frac{{{inner}}}{{1 - {n['memory']}^{{k + 1}}}}"
    move, before = f"{rate} {inner}", list[str]()
    if structure.limit:
        before = [f"m = {move}"]
        move = rf"{n['limit']} \tanh \frac{{m}}{{{n['limit']}}}"
    if structure.agreement:
        move = rf"e^{{{n['boost']} q / q_+}} {move}"
    if structure.adaptation == "none":
        return [*before, rf"u = -{move}"]
    s = rf"\frac{{s}}{{1 - {n['averaging']}^{{k + 1}}}}" if corrected else "s"
    if structure.adaptation == "root":
        return [*before, rf"u = -\frac{{{move}}}{{\sqrt{{{s}}} + {n['epsilon']}}}"]
    return [*before, rf"u = -(1 + \frac{{{s}}}{{{n['scale']}^2}})^{{{number(-values['exponent'])}}} {move}"]
