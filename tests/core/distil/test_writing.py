"""Formulas written out do what the formulas do."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch

from app.pages.distil.parts import simple
from app.shared.formulas import mathml
from core.distil.store import find_distillation
from core.distil.writing.latex import as_command, decay, latex, lines, number
from core.distil.writing.python import python_lines, state_of, torch_file
from core.optimizers.formula import Formula, Structure
from core.runs import zoo
from core.seeds import Purpose, generator
from tests.core.distil.helpers import STRUCTURES, formula
from tests.core.distil.tex import computed
from tests.core.helpers import small_problems


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_torch_file_equals_the_formula_step_by_step(name: str) -> None:
    made, problems = formula(STRUCTURES[name]), small_problems("linear_regression")
    space: dict[str, type[torch.optim.Optimizer]] = {}
    text = torch_file(made, "A test.")
    exec(compile(text, "written.py", "exec"), space)
    assert "loptscope" not in text.lower().replace("made by loptscope", "")
    x = torch.nn.Parameter(problems.x0.clone())
    optimizer = space["DistilledOptimizer"]([x])
    state, ours = made.initial_state(x.numel(), torch.float64), problems.x0.clone()
    for _ in range(100):
        optimizer.zero_grad()
        x.grad = problems.gradient(x.detach())
        optimizer.step()
        state, update = made.step(state, problems.gradient(ours).reshape(-1))
        ours = ours + update.view(ours.shape)
        assert torch.allclose(x.detach(), ours, rtol=1e-11, atol=1e-13)


def shipped() -> list[Formula]:
    """Every formula of the shipped ladders: with the numbers that training finds."""
    found = [find_distillation(zoo.find_run(entry.name)) for entry in zoo.entries()]
    return [rung.formula.formula() for one in found if one is not None for rung in one.rungs]


SHIPPED = [pytest.param(one, id=f"shipped {i}") for i, one in enumerate(shipped())]
MADE = [pytest.param(formula(structure), id=name) for name, structure in STRUCTURES.items()]
NEAR_ONE = formula(STRUCTURES["everything"]).values | {
    "agreement_decay": 1 - 2.2e-8,
    "averaging": 0.99996,
    "scale": 3.4e-5,
    "limit": 4.6e4,
}
SLOW = formula(STRUCTURES["four mechanisms"]).values | {
    "memory": 0.9999,
    "memory_last": 0.512345,
    "relaxation": 1e4,
    "exponent": 0.0,
}
EVERY = [
    *MADE,
    *SHIPPED,
    pytest.param(Formula(STRUCTURES["everything"], NEAR_ONE), id="near the ends"),
    pytest.param(Formula(STRUCTURES["four mechanisms"], SLOW), id="slow"),
]


def updates_of(made: Formula) -> tuple[list[float], list[float]]:
    """Gradients, large ones first, and the formula's updates."""
    drawn = torch.randn(240, generator=generator(Purpose.VIEW, 0), dtype=torch.float64)
    drawn[60:] /= 100
    state, updates = made.initial_state(1, torch.float64), []
    for g in drawn:
        state, update = made.step(state, g[None])
        updates.append(float(update))
    return drawn.tolist(), updates


def difference(found: list[float], updates: list[float]) -> float:
    """Root mean square of the differences over that of the updates."""
    aim = np.array(updates)
    return float(np.sqrt(np.mean((np.array(found) - aim) ** 2) / np.mean(aim**2)))


@pytest.mark.parametrize("made", EVERY)
def test_the_python_lines_do_nearly_the_same(made: Formula) -> None:
    space: dict[str, object] = {}
    text = python_lines(made)
    exec(compile(text, "written.py", "exec"), space)
    memory, found = [0.0] * len(state_of(made.structure)), []
    gradients, updates = updates_of(made)
    for k, g in enumerate(gradients):
        result = space["step"](g, k, *memory)  # type: ignore[operator]
        u, *memory = result if memory else [result]
        found.append(u)
    assert difference(found, updates) < 2e-3
    assert max(len(line) for line in text.splitlines()) < 160


@pytest.mark.parametrize("made", EVERY)
def test_latex_says_what_the_formula_does(made: Formula) -> None:
    gradients, updates = updates_of(made)
    assert difference(computed(lines(made), gradients), updates) < 2e-2


@pytest.mark.parametrize("made", EVERY)
def test_browsers_show_the_same_signs_with_and_without_names(made: Formula) -> None:
    for plain, marked in zip(lines(made), lines(made, as_command), strict=True):
        shown, named = (ET.fromstring(mathml(simple(line))) for line in (plain, marked))
        assert "".join(named.itertext()) == "".join(shown.itertext())
        for kind in ("msup", "msub", "mfrac"):
            assert len(list(named.iter(kind))) == len(list(shown.iter(kind))) == signs_of(kind, plain)
    names = [
        one.get("data-number")
        for line in lines(made, as_command)
        for one in ET.fromstring(mathml(simple(line))).iter("mrow")
    ]
    assert {name for name in names if name} == set(made.values)


def signs_of(kind: str, line: str) -> int:
    """How many superscripts, subscripts and fractions a line of TeX has."""
    return line.count({"msup": "^", "msub": "_", "mfrac": r"\frac"}[kind])


def test_latex_has_the_numbers() -> None:
    made = formula(STRUCTURES["four mechanisms"])
    text = latex(made)
    assert text.startswith(r"\begin{aligned}") and r"y &= 1.3 \operatorname{asinh} \frac{g}{1.3}" in text
    assert r"\alpha_k &= (0.03 + 0.02 e^{-k/50}) (1 - 0.7 e^{-k/10})" in text
    assert r"u &= -(1 + \frac{s}{0.5^2})^{-0.2}" in text
    assert number(1.23456e-7) == r"1.23 \cdot 10^{-7}"


def test_decays_show_their_distance_from_one() -> None:
    found = [decay(value) for value in (0.5, 0.9, 0.95, 0.99988, 0.9999, 0.99996)]
    assert found == ["0.5", "0.9", "0.950", "0.99988", "0.99990", r"(1 - 4 \cdot 10^{-5})"]
    near = Formula(
        Structure(momenta=0, adaptation="power"), {"rate": 1, "averaging": 0.99996, "exponent": 1, "scale": 1}
    )
    assert r"s \leftarrow (1 - 4 \cdot 10^{-5}) s + 4 \cdot 10^{-5} g^2" in lines(near)
