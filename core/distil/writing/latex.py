"""A formula as LaTeX, with its numbers."""

import math
from collections.abc import Callable

from core.digits import NEAR, decay_text
from core.optimizers.formula import PARAMETERS, Formula
from core.optimizers.formula.structure import KNOTS, SCHEDULED

DIGITS = 3
SYMBOLS = {"rate": r"\alpha", "memory": r"\beta", "direct": r"\delta", "threshold": "c"}  # of what a schedule changes
AWAY = "(1 - "  # how a decay begins that is written by its distance from 1

Mark = Callable[[str, str], str]


def number(value: float, digits: int = DIGITS) -> str:
    """A number with so many significant digits, in LaTeX: 0.042, 1.2 · 10⁻⁷."""
    text = f"{value:.{digits}g}"
    mantissa, _, power = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if power else text


def decay(value: float) -> str:
    """A decay with digits that show its distance from 1: 0.99988, not 1; beyond five of them that distance itself, (1 - 6.1 · 10⁻⁸)."""
    return decay_text(value, number, lambda distance: f"{AWAY}{number(distance, 2)})")


def as_command(name: str, text: str) -> str:
    r"""A number with its name, \mark{name}{text}, as `app.shared.formulas.mathml` reads it."""
    return rf"\mark{{{name}}}{{{text}}}"


def lines(formula: Formula, mark: Mark = lambda name, text: text) -> list[str]:
    """The equations of one step, in the order in which they are computed.

    Args:
        formula: the formula.
        mark: what becomes of a number: called with its name and its text.
    """
    writer = _Writer(formula, mark)
    return [*writer.schedule(), *writer.clipping(), *writer.averages(), *writer.update()]


def latex(formula: Formula) -> str:
    r"""The formula as one ``aligned`` block.

    Args:
        formula: the formula.
    """
    body = " \\\\\n".join(
        line.replace(" = ", " &= ", 1).replace(r" \leftarrow ", r" &\leftarrow ", 1) for line in lines(formula)
    )
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


class _Writer:
    """Writes the equations of one formula."""

    def __init__(self, formula: Formula, mark: Mark):
        self.structure, self.values, self._mark = formula.structure, formula.values, mark
        self.y = "y" if self.structure.clipping != "none" else "g"

    def _text(self, name: str) -> str:
        value = self.values[name]
        return decay(value) if PARAMETERS[name].transform == "logit" else number(value)

    def number(self, name: str) -> str:
        """A number of the formula."""
        return self._mark(name, self._text(name))

    def product(self, name: str) -> str:
        """The same where a sign or a power binds it: in brackets if it is a product."""
        text = self.number(name)
        plain = self._text(name)
        return f"({text})" if r"\cdot" in plain and not plain.startswith(AWAY) else text

    def signed(self, name: str, value: float) -> str:
        """A number after its sign as an operator, said of the number of that name."""
        return f"{'-' if value < 0 else '+'} {self._mark(name, number(abs(value)))}"

    def of_step(self, name: str) -> str:
        """The symbol of a scheduled number, or the number."""
        schedule = self.structure.schedule
        scheduled = schedule in ("relaxing", "knots") or (name == "rate" and schedule != "none")
        return f"{SYMBOLS[name]}_k" if scheduled else self.number(name)

    def decays(self, name: str) -> tuple[str, str]:
        """A decay β and 1 − β."""
        text = self._text(name)
        if text.startswith(AWAY):
            return self.number(name), self._mark(name, text.removeprefix(AWAY).removesuffix(")"))
        return self.number(name), f"(1 - {self.number(name)})"

    def clipping(self) -> list[str]:
        """y = φ(g)."""
        kind = self.structure.clipping
        if kind == "none":
            return []
        if kind == "sign":
            return [r"y = \operatorname{sign} g"]
        c = "c_k" if self.structure.schedule == "knots" else self.number("threshold")
        if kind == "clamp":
            return [rf"y = \min(\max(g, -{c}), {c})"]
        function = {"tanh": r"\tanh", "symlog": r"\operatorname{asinh}"}[kind]
        return [rf"y = {c} {function} \frac{{g}}{{{c}}}"]

    def _relaxing(self, name: str) -> str:
        """last + (first − last) e^(−k/τ), with the difference as one number."""
        first, last = self.values[name], self.values[f"{name}_last"]
        end, difference = self.number(f"{name}_last"), self.signed(name, first - last)
        if name == "memory" and max(first, last) > NEAR:  # a decay near 1 counts by its distance from it
            places = 1 - math.floor(math.log10(1 - max(first, last)))
            end = self._mark(f"{name}_last", f"{last:.{places}f}")
            difference = f"{'-' if first < last else '+'} {self._mark(name, f'{abs(first - last):.{places}f}')}"
        return rf"{end} {difference} e^{{-k/{self.product('relaxation')}}}"

    def schedule(self) -> list[str]:
        """What depends on the step."""
        schedule = self.structure.schedule
        if schedule == "knots":
            return self._knots()
        if schedule == "relaxing":
            begin = self.signed("warmup_from", self.values["warmup_from"] - 1)
            found = [rf"\alpha_k = ({self._relaxing('rate')}) (1 {begin} e^{{-k/{self.product('warmup')}}})"]
            if self.structure.momenta:
                found += [rf"\beta_k = {self._relaxing('memory')}", rf"\delta_k = {self._relaxing('direct')}"]
            return found
        rate = self.number("rate")
        if schedule == "inverse_time":
            return [rf"\alpha_k = \frac{{{rate}}}{{1 + {self.number('decay')} k}}"]
        if schedule == "half_life":
            return [rf"\alpha_k = {rate} \cdot 2^{{-k/{self.product('half_life')}}}"]
        if schedule == "warmup_cosine":
            w, t = self.number("cosine_warmup"), self.number("horizon")
            rise = rf"\min(\frac{{k + 1}}{{{w} + 1}}, 1)"
            along = rf"\min(\max(\frac{{k - {w}}}{{{t} - {w}}}, 0), 1)"
            fall = rf"(\frac{{1}}{{2}} + \frac{{1}}{{2}} \cos(\pi {along}))"
            return [rf"\alpha_k = {rate} {rise} {fall}"]
        return []

    def _knots(self) -> list[str]:
        """The values at a few steps, and what is between them."""
        free = [name for name in SCHEDULED if f"{name}_{KNOTS[0]}" in self.values]
        steps = ", ".join(str(knot) for knot in KNOTS)
        found = [
            rf"{SYMBOLS[name]}_{{{steps}}} = {', '.join(self.number(f'{name}_{knot}') for knot in KNOTS)}"
            for name in free
        ]
        between = ", ".join(f"{SYMBOLS[name]}_k" for name in free)
        return [
            *found,
            rf"{between} \text{{ between these: linear in }} \ln (1 + k) \text{{, constant from step {KNOTS[-1]} on}}",
        ]

    def averages(self) -> list[str]:
        """The state."""
        structure, y, found = self.structure, self.y, list[str]()
        if structure.adaptation != "none":
            kept, entering = self.decays("averaging")
            found.append(rf"s \leftarrow {kept} s + {entering} g^2")
        if structure.momenta:
            symbol = self.of_step("memory")
            beta, entering = (symbol, f"(1 - {symbol})") if symbol == r"\beta_k" else self.decays("memory")
            if structure.adaptive_memory:
                faster = rf"(1 + \frac{{s}}{{{self.product('scale')}^2}})^{{{self.number('forgetting')}}}"
                found.append(rf"b = \frac{{{beta}}}{{{beta} + {entering} {faster}}}")
                beta, entering = "b", "(1 - b)"
            if structure.agreement:
                kept, new = self.decays("agreement_decay")
                found.append(rf"q \leftarrow {kept} q + {new} v {y}")
                found.append(rf"q_+ \leftarrow {kept} q_+ + {new} |v {y}|")
            found.append(rf"v \leftarrow {beta} v + {entering} {y}")
        if structure.momenta == 2:
            kept, entering = self.decays("second_memory")
            found.append(rf"w \leftarrow {kept} w + {entering} {y}")
        return found

    def _direction(self) -> str:
        """What the learning rate multiplies."""
        if not self.structure.momenta:
            return self.y
        direct = self.of_step("direct")
        if direct == r"\delta_k":
            less, more = rf"- {direct}", rf"+ {direct}"
        else:
            less, more = (self.signed("direct", sign * self.values["direct"]) for sign in (-1, 1))
        share = second = ""
        if self.structure.momenta == 2:
            omega = self.values["second_share"]
            share, second = f" {self.signed('second_share', -omega)}", f" {self.signed('second_share', omega)} w"
        return rf"((1 {less}{share}) v{second} {more} {self.y})"

    def update(self) -> list[str]:
        """u."""
        structure, inner = self.structure, self._direction()
        corrected = structure.bias_correction
        if corrected and structure.momenta:
            inner = rf"\frac{{{inner}}}{{1 - {self.product('memory')}^{{k + 1}}}}"
        move, before = f"{self.of_step('rate')} {inner}", list[str]()
        if structure.limit:
            before = [f"m = {move}"]
            move = rf"{self.number('limit')} \tanh \frac{{m}}{{{self.number('limit')}}}"
        if structure.agreement:
            move = rf"e^{{{self.number('boost')} q / q_+}} {move}"
        if structure.adaptation == "none":
            return [*before, rf"u = -{move}"]
        s = rf"\frac{{s}}{{1 - {self.product('averaging')}^{{k + 1}}}}" if corrected else "s"
        if structure.adaptation == "root":
            return [*before, rf"u = -\frac{{{move}}}{{\sqrt{{{s}}} + {self.number('epsilon')}}}"]
        exponent = self._mark("exponent", number(0.0 - self.values["exponent"]))
        return [*before, rf"u = -(1 + \frac{{{s}}}{{{self.product('scale')}^2}})^{{{exponent}}} {move}"]
