"""Formulas become the MathML that was meant."""

import xml.etree.ElementTree as ET

import pytest

from app.shared.formulas import mathml
from core.errors import InputError

TIGHT = 'stretchy="false" lspace="0" rspace="0"'


def plain(formula: str) -> str:
    """What is inside, without the frame."""
    made = mathml(formula)
    assert made.startswith('<math display="inline"><mrow>') and made.endswith("</mrow></math>")
    return made.removeprefix('<math display="inline"><mrow>').removesuffix("</mrow></math>")


@pytest.mark.parametrize(
    "formula, meant",
    [
        ("x", "<mi>x</mi>"),
        ("12.5 λ", "<mn>12.5</mn><mi>λ</mi>"),
        ("h_k", "<msub><mi>h</mi><mi>k</mi></msub>"),
        ("x^2", "<msup><mi>x</mi><mn>2</mn></msup>"),
        ("h_k^*", "<msubsup><mi>h</mi><mi>k</mi><mo>*</mo></msubsup>"),
        ("h^*_k", "<msubsup><mi>h</mi><mi>k</mi><mo>*</mo></msubsup>"),
        ("v_{k+1}", "<msub><mi>v</mi><mrow><mi>k</mi><mo>+</mo><mn>1</mn></mrow></msub>"),
        (r"\frac{a}{b}", "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>"),
        (r"\sqrt{n}", "<msqrt><mrow><mi>n</mi></mrow></msqrt>"),
        (r"\text{a < b}", "<mtext>a\u00a0&lt;\u00a0b</mtext>"),
        (r"a \quad b", '<mi>a</mi><mspace width="1.6em"/><mi>b</mi>'),
        ("a - b", "<mi>a</mi><mo>−</mo><mi>b</mi>"),
        ("a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        ("|λ|", f"<mo {TIGHT}>|</mo><mi>λ</mi><mo {TIGHT}>|</mo>"),
        (r"\mark{rate}{0.1}^2", '<msup><mrow data-number="rate"><mn>0.1</mn></mrow><mn>2</mn></msup>'),
    ],
)
def test_signs(formula: str, meant: str) -> None:
    assert plain(formula) == meant


def test_a_formula_on_a_line_of_its_own() -> None:
    made = ET.fromstring(mathml(r"α_j = −\frac{(U_h R_j)(L_j J_g)}{λ_j}", block=True))
    assert made.get("display") == "block"
    assert "".join(made.itertext()) == "αj=−(UhRj)(LjJg)λj"


@pytest.mark.parametrize(
    "wrong", ["a_", "{a", "a}", r"\frac{a}", r"\oops", r"\text x", r"\text{a", "^^", "x^2^3", "x_1_2", r"\mark{a}b"]
)
def test_what_cannot_be_read_is_said(wrong: str) -> None:
    with pytest.raises(InputError, match="the formula"):
        mathml(wrong)
