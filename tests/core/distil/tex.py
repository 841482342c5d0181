"""Reads equations as a reader of TeX would, and computes them: an independent reading of what formulas are written as."""

import math
import re
from collections.abc import Mapping

import numpy as np

TOKEN = re.compile(r"\\operatorname\{\w+\}|\\[a-z]+|\d+(?:\.\d+)?|[^\s]")
FUNCTIONS = {
    r"\tanh": math.tanh,
    r"\operatorname{asinh}": math.asinh,
    r"\operatorname{sign}": lambda x: float(np.sign(x)),
    r"\cos": math.cos,
}
ENDS = {None, ")", "}", "|", ",", "+", "-", "/"}


class Reader:
    """Computes one expression.

    Args:
        text: in TeX.
        known: the values of symbols.
    """

    def __init__(self, text: str, known: Mapping[str, float]):
        self.tokens, self.at, self.known = TOKEN.findall(text), 0, known
        self.inside = 0  # bars that are open

    def peek(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        assert token is not None and (not wanted or token == wanted), (token, wanted, self.tokens)
        self.at += 1
        return token

    def value(self) -> float:
        """The whole expression."""
        found = self.sum()
        assert self.peek() is None, self.tokens[self.at :]
        return found

    def sum(self) -> float:
        total = -self.product() if self.peek() == "-" and self.take() else self.product()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            total += sign * self.product()
        return total

    def product(self) -> float:
        found = self.power()
        while True:
            if self.peek() == r"\cdot":
                self.take()
            elif self.peek() == "/":
                self.take()
                found /= self.power()
                continue
            elif self.peek() in ENDS and not (self.peek() == "|" and not self.inside):
                return found
            found *= self.power()

    def power(self) -> float:
        token = self.take()
        if token in FUNCTIONS:
            return FUNCTIONS[token](self.power())
        if token in (r"\min", r"\max"):
            self.take("(")
            first = self.sum()
            self.take(",")
            second = self.sum()
            self.take(")")
            return (min if token == r"\min" else max)(first, second)
        return self.raised(self.single(token))

    def single(self, token: str) -> float:
        if token == "(":
            found = self.sum()
            self.take(")")
            return found
        if token == "|":
            self.inside += 1
            found = abs(self.sum())
            self.inside -= 1
            self.take("|")
            return found
        if token == r"\frac":
            return self.group() / self.group()
        if token == r"\sqrt":
            return math.sqrt(self.group())
        if self.peek() == "_":
            self.take()
            token = f"{token}_{self.take()}"
        return float(token) if token[0].isdigit() else {"e": math.e, r"\pi": math.pi, **self.known}[token]

    def group(self) -> float:
        self.take("{")
        found = self.sum()
        self.take("}")
        return found

    def raised(self, base: float) -> float:
        if self.peek() != "^":
            return base
        self.take()
        found = base ** (self.group() if self.peek() == "{" else float(self.take()))
        assert self.peek() != "^", "a double superscript"
        return found


def computed(lines: list[str], gradients: list[float]) -> list[float]:
    """The updates that equations give for gradients at steps 0, 1, …, from a state of zeros (q₊ just above it: 0/0 counts as 0)."""
    known = dict.fromkeys(("v", "w", "s", "q"), 0.0) | {"q_+": 1e-30}
    updates = []
    for k, g in enumerate(gradients):
        known |= {"k": float(k), "g": g}
        for line in lines:
            if r"\text" in line:
                continue
            name, right = re.split(r" = | \\leftarrow ", line, maxsplit=1)
            listed = re.fullmatch(r"(.+)_\{(.+)\}", name)
            if listed:
                steps = [float(one) for one in listed[2].split(", ")]
                values = [Reader(one, known).value() for one in right.split(", ")]
                known[f"{listed[1]}_k"] = float(np.interp(np.log1p(k), np.log1p(steps), values))
            else:
                known[name] = Reader(right, known).value()
        updates.append(known["u"])
    return updates
