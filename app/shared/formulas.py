"""Formulas as MathML, which browsers render themselves, from a small subset of TeX's notation.

    h_{k+1} = F(h_k, g_k)      letters, numbers, operators, _ and ^ with {…} for more than one sign
    \\frac{a}{b}  \\sqrt{x}     fractions and roots
    \\text{loss}  \\quad         upright words; space between two formulas
    \\mark{rate}{0.1}           a part with a name, which is written to its data-number

Greek letters and signs such as λ, ∂, ≤ and ‖ are written directly.
"""

import re
from html import escape

from core.errors import InputError

TOKEN = re.compile(r"\\[a-z]+|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
STICKING = frozenset("()[]|‖⟨⟩")  # brackets keep their size and have no space around them
NO_BREAK = "\u00a0"  # MathML drops other spaces at the ends of words
ARGUMENTS = {r"\frac": 2, r"\sqrt": 1}


def _sign(token: str) -> str:
    """A number, a letter or an operator."""
    if token[0].isdigit() or token in "∞…":
        return f"<mn>{token}</mn>"
    if token.isalpha():
        return f"<mi>{token}</mi>"
    if token == "-":
        token = "−"  # a minus sign, and not a hyphen
    tight = 'stretchy="false" lspace="0" rspace="0"'
    return f"<mo {tight}>{escape(token)}</mo>" if token in STICKING else f"<mo>{escape(token)}</mo>"


class _Reader:
    """Reads a formula from left to right."""

    def __init__(self, formula: str):
        self.formula = formula
        self.tokens = TOKEN.findall(formula)
        self.at = 0

    def wrong(self, what: str) -> InputError:
        return InputError(f"the formula {self.formula!r} {what}")

    def peek(self) -> str | None:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> str:
        token = self.peek()
        if token is None:
            raise self.wrong("ends too early")
        self.at += 1
        return token

    def row(self, until: str | None) -> str:
        """Everything up to a closing brace, or to the end."""
        parts = []
        while (token := self.peek()) != until:
            if token is None or token == "}":
                raise self.wrong("has braces that do not match")
            parts.append(self.scripted())
        if until is not None:
            self.take()
        return "".join(parts)

    def scripted(self) -> str:
        """One sign with its superscript and subscript."""
        base = self.single()
        below = above = None
        while self.peek() in ("_", "^"):
            if self.take() == "_":
                if below is not None:
                    raise self.wrong("has two subscripts in one place")
                below = self.single()
            else:
                if above is not None:
                    raise self.wrong("has two superscripts in one place")
                above = self.single()
        if below is not None and above is not None:
            return f"<msubsup>{base}{below}{above}</msubsup>"
        if below is not None:
            return f"<msub>{base}{below}</msub>"
        return base if above is None else f"<msup>{base}{above}</msup>"

    def single(self) -> str:
        """One sign, or a group in braces."""
        token = self.take()
        if token == "{":
            return f"<mrow>{self.row('}')}</mrow>"
        if token == r"\text":
            return f"<mtext>{escape(self.words()).replace(' ', NO_BREAK)}</mtext>"
        if token == r"\mark":
            name = self.words()
            return f'<mrow data-number="{escape(name)}">{self.braced()}</mrow>'
        if token == r"\quad":
            return '<mspace width="1.6em"/>'
        if token in ARGUMENTS:
            inner = "".join(self.single() for _ in range(ARGUMENTS[token]))
            return f"<m{token[1:]}>{inner}</m{token[1:]}>"
        if token[0] == "\\" or token in "}_^":
            raise self.wrong(f"has {token!r} where a sign should be")
        return _sign(token)

    def braced(self) -> str:
        """What is in the braces after a name."""
        if self.take() != "{":
            raise self.wrong("needs two pairs of braces after \\mark")
        return self.row("}")

    def words(self) -> str:
        """The text in the braces after ``\\text``, including spaces."""
        if self.take() != "{":
            raise self.wrong("needs braces after \\text")
        words = []
        while (token := self.tokens[self.at] if self.at < len(self.tokens) else None) != "}":
            if token is None:
                raise self.wrong("has braces that do not match")
            words.append(token)
            self.at += 1
        self.at += 1
        return "".join(words)


def mathml(formula: str, block: bool = False) -> str:
    """A formula as one ``<math>`` element.

    Args:
        formula: in the notation above.
        block: whether it is on its own line.

    Raises:
        InputError: the notation is wrong.
    """
    inner = _Reader(formula).row(None)
    return f'<math display="{"block" if block else "inline"}"><mrow>{inner}</mrow></math>'
