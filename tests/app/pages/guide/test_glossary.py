"""The glossary holds together."""

import pytest

from app.pages.guide.glossary import TERMS, Term
from app.pages.guide.prose import MARKED
from app.shared.formulas import mathml


def test_names_and_links_are_unique_and_in_order() -> None:
    names = [term.name for term in TERMS]
    assert names == sorted(names, key=str.lower)
    assert len({term.key for term in TERMS}) == len(names)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.key)
def test_a_term_is_a_sentence_with_a_formula_and_known_relations(term: Term) -> None:
    assert term.definition.endswith(".")
    assert {*term.see} <= {other.name for other in TERMS} - {term.name}
    for part in MARKED.findall(term.definition):
        assert mathml(part.strip("$"))
    if term.formula:
        assert mathml(term.formula, block=True)


def test_what_the_dashboard_speaks_of_is_there() -> None:
    text = " ".join(f"{term.name} {term.definition}" for term in TERMS).lower()
    for word in ("inner step", "outer step", "meta-loss", "unroll", "update function", "effective learning rate",
                 "fixed point", "linearisation", "mode", "eigenvalue", "time constant", "autonomous trajectory",
                 "momentum", "friction", "clip threshold", "s.e."):  # fmt: skip
        assert word in text
