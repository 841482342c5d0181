"""A formula as a few readable lines of Python, and as a `torch.optim.Optimizer` file that needs nothing but torch.

Both have the same body: the step of a formula, written with only the parts that it has.
"""

from core.digits import decay_text
from core.optimizers.formula import PARAMETERS, Formula, Structure
from core.optimizers.formula.structure import KNOTS, SCHEDULED, TINY

DIGITS = 4  # of rounded numbers
MOST_PLACES = 7  # of a decay
AWAY = "(1 - "  # how a decay begins that is written by its distance from 1


def _rounded(name: str, value: float) -> str:
    """A number with a few digits; a decay with as many as its distance from 1 needs."""

    def plain(number: float) -> str:
        return f"{number:.{DIGITS}g}"

    if PARAMETERS[name].transform != "logit":
        return plain(value)
    return decay_text(value, plain, lambda distance: f"{AWAY}{plain(distance)})", digits=DIGITS, most=MOST_PLACES)


def _entering(kept: str) -> str:
    """1 − β, of a written β."""
    return kept.removeprefix(AWAY).removesuffix(")") if kept.startswith(AWAY) else f"(1 - {kept})"


def _knots(n: dict[str, str], name: str) -> str:
    return "[" + ", ".join(n[f"{name}_{knot}"] for knot in KNOTS) + "]"


def body(formula: Formula, *, exact: bool, tensors: bool) -> list[str]:
    """The lines of one step, from the gradient g, the step k and the state to the update u.

    Args:
        formula: the formula.
        exact: whether numbers keep all their digits.
        tensors: whether ``g``, ``v``, ``w``, ``s`` and ``q`` are tensors (torch functions) or numbers (math functions).
    """
    structure, values = formula.structure, formula.values
    n = {name: repr(value) if exact else _rounded(name, value) for name, value in values.items()}
    elementwise = "torch." if tensors else ""
    names = {
        "tanh": f"{elementwise}tanh",
        "asinh": f"{elementwise}asinh",
        "sqrt": f"{elementwise}sqrt",
        "exp": "math.exp" if tensors else "exp",
        "growth": f"{elementwise}exp",
        "log1p": "math.log1p" if tensors else "log1p",
    }
    lines = [*_schedule(structure, n, names)]
    lines += _clip(structure, n, names, tensors)
    lines += _averages(structure, n)
    lines += _move(structure, n, names)
    return lines


def _schedule(structure: Structure, n: dict[str, str], names: dict[str, str]) -> list[str]:
    exp = names["exp"]
    found = []
    if structure.schedule == "knots":
        free = [name for name in SCHEDULED if f"{name}_{KNOTS[0]}" in n]
        found = [f"{name} = between_knots(k, {_knots(n, name)})" for name in free]
    elif structure.schedule == "relaxing":
        names_of = ("rate", "memory", "direct") if structure.momenta else ("rate",)
        found = [f"left = {exp}(-k / {n['relaxation']})"]
        found += [f"{one} = {n[f'{one}_last']} + ({n[one]} - {n[f'{one}_last']}) * left" for one in names_of]
        found += [f"rate = rate * (1 - (1 - {n['warmup_from']}) * {exp}(-k / {n['warmup']}))"]
    elif structure.schedule == "inverse_time":
        found = [f"rate = {n['rate']} / (1 + {n['decay']} * k)"]
    elif structure.schedule == "half_life":
        found = [f"rate = {n['rate']} * 0.5 ** (k / {n['half_life']})"]
    elif structure.schedule == "warmup_cosine":
        prefix = "math." if names["exp"].startswith("math") else ""
        w, t = n["cosine_warmup"], n["horizon"]
        found = [
            f"rate = {n['rate']} * min((k + 1) / ({w} + 1), 1.0)",
            f"turn = {prefix}pi * (1 + (k - {t}) / max({t} - {w}, 0.5))",
            f"rate = rate * (0.5 + 0.5 * {prefix}cos(min(max(turn, 0.0), {prefix}pi)))",
        ]
    given = {line.partition(" = ")[0] for line in found}
    missing = [name for name in ("rate", "memory", "direct") if name in n and name not in given]
    return [f"{name} = {n[name]}" for name in missing] + found


def _clip(structure: Structure, n: dict[str, str], names: dict[str, str], tensors: bool) -> list[str]:
    kind = structure.clipping
    if kind == "none":
        return ["y = g"]
    if kind == "sign":
        return ["y = torch.sign(g)" if tensors else "y = (g > 0) - (g < 0)"]
    head = [] if structure.schedule == "knots" else [f"threshold = {n['threshold']}"]
    if kind == "clamp":
        return [*head, "y = g.clamp(-threshold, threshold)" if tensors else "y = min(max(g, -threshold), threshold)"]
    function = names["tanh"] if kind == "tanh" else names["asinh"]
    return [*head, f"y = threshold * {function}(g / threshold)"]


def _averages(structure: Structure, n: dict[str, str]) -> list[str]:
    found = []
    if structure.adaptation != "none":
        found.append(f"s = {n['averaging']} * s + {_entering(n['averaging'])} * g**2")
    if structure.adaptive_memory:
        found.append(f"memory = memory / (memory + (1 - memory) * (1 + s / {n['scale']}**2) ** {n['forgetting']})")
    if structure.agreement:
        decay, new = n["agreement_decay"], _entering(n["agreement_decay"])
        found.append(f"q = {decay} * q + {new} * v * y")
        found.append(f"q_abs = {decay} * q_abs + {new} * abs(v * y)")
    if structure.momenta:
        found.append("v = memory * v + (1 - memory) * y")
    if structure.momenta == 2:
        found.append(f"w = {n['second_memory']} * w + {_entering(n['second_memory'])} * y")
    return found


def _move(structure: Structure, n: dict[str, str], names: dict[str, str]) -> list[str]:
    move = "rate * y"
    if structure.momenta == 1:
        move = "rate * ((1 - direct) * v + direct * y)"
    elif structure.momenta == 2:
        move = f"rate * ((1 - direct - {n['second_share']}) * v + {n['second_share']} * w + direct * y)"
    if structure.bias_correction and structure.momenta:
        move = f"{move} / (1 - {n['memory']} ** (k + 1))"
    found = [f"u = -{move}"]
    if structure.limit:
        found.append(f"u = {n['limit']} * {names['tanh']}(u / {n['limit']})")
    if structure.agreement:
        found.append(f"u = u * {names['growth']}({n['boost']} * q / (q_abs + {TINY}))")
    corrected = f"s / (1 - {n['averaging']} ** (k + 1))" if structure.bias_correction and "averaging" in n else "s"
    if structure.adaptation == "power":
        found.append(f"u = u * (1 + {corrected} / {n['scale']}**2) ** -({n['exponent']})")
    elif structure.adaptation == "root":
        found.append(f"u = u / ({names['sqrt']}({corrected}) + {n['epsilon']})")
    return found


KNOTS_FUNCTION = f'''
KNOTS = {list(KNOTS)}  # inner steps; straight lines over log(1 + k) between them


def between_knots(k, values):
    """The value of a free schedule at step k."""
    if k >= KNOTS[-1]:
        return values[-1]
    right = next(i for i, knot in enumerate(KNOTS) if knot > k)
    low, high = {{log1p}}(KNOTS[right - 1]), {{log1p}}(KNOTS[right])
    along = ({{log1p}}(k) - low) / (high - low)
    return values[right - 1] + along * (values[right] - values[right - 1])
'''


def state_of(structure: Structure) -> list[str]:
    """The names of the state's entries in written code, without the step."""
    return (
        ["v", "w"][: structure.momenta]
        + (["s"] if structure.adaptation != "none" else [])
        + (["q", "q_abs"] if structure.agreement else [])
    )


def python_lines(formula: Formula) -> str:
    """One step of a formula as a Python function of plain numbers, with rounded numbers.

    Args:
        formula: the formula.
    """
    state = state_of(formula.structure)
    knots = KNOTS_FUNCTION.format(log1p="log1p") + "\n" if formula.structure.schedule == "knots" else ""
    arguments = ", ".join(["g", "k", *state])
    inner = "\n".join(f"    {line}" for line in body(formula, exact=False, tensors=False))
    returned = ", ".join(["u", *state])
    return (
        f"from math import *\n{knots}\n\ndef step(g, k, {', '.join(state)}):\n{inner}\n    return {returned}\n".replace(
            f"step(g, k, {', '.join(state)})", f"step({arguments})"
        )
    )


TORCH_FILE = '''"""{title}

Made by Loptscope from a learned optimizer; it needs nothing but torch. The numbers were fitted for one task, so that other
tasks may need another ``lr``, a factor of all learning rates.
"""

import math

import torch
{knots}

class DistilledOptimizer(torch.optim.Optimizer):
    """A formula of known mechanisms, for every parameter by itself."""

    def __init__(self, params, lr=1.0):
        super().__init__(params, {{"lr": lr}})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.add_(group["lr"] * self._update(parameter.grad, self.state[parameter]))
        return loss

    @staticmethod
    def _update(g, state):
        k = state.get("step", 0)
{load}
{inner}
        state.update({kept})
        return u
'''


def torch_file(formula: Formula, title: str) -> str:
    """A Python file with a formula as a `torch.optim.Optimizer`, with all digits of its numbers.

    Args:
        formula: the formula.
        title: the first line of the file's docstring.
    """
    state = state_of(formula.structure)
    indent = " " * 8
    load = "\n".join(f'{indent}{name} = state.get("{name}", torch.zeros_like(g))' for name in state)
    inner = "\n".join(indent + line for line in body(formula, exact=True, tensors=True))
    kept = ", ".join(["step=k + 1", *(f"{name}={name}" for name in state)])
    knots = KNOTS_FUNCTION.format(log1p="math.log1p") if formula.structure.schedule == "knots" else ""
    text = TORCH_FILE.format(title=title, knots=knots, load=load, inner=inner, kept=kept)
    return text.replace("\n\n\n\n", "\n\n\n").replace("0)\n\n        rate", "0)\n        rate")
