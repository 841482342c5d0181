"""Formulas written out do what the formulas do."""

import pytest
import torch

from core.distil.writing.latex import decay, latex, lines, number
from core.distil.writing.python import python_lines, state_of, torch_file
from core.optimizers.formula import Formula, Structure
from core.seeds import Purpose, generator
from tests.core.distil.helpers import STRUCTURES, formula
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


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_python_lines_do_nearly_the_same(name: str) -> None:
    made = formula(STRUCTURES[name])
    space: dict[str, object] = {}
    text = python_lines(made)
    exec(compile(text, "written.py", "exec"), space)
    step = space["step"]
    memory = [0.0] * len(state_of(made.structure))
    state = made.initial_state(1, torch.float64)
    for k, g in enumerate(torch.randn(40, generator=generator(Purpose.VIEW, 0), dtype=torch.float64).tolist()):
        result = step(g, k, *memory)  # type: ignore[operator]
        u, *memory = result if memory else [result]
        state, update = made.step(state, torch.tensor([g], dtype=torch.float64))
        assert u == pytest.approx(float(update), rel=5e-3, abs=1e-6)
    assert max(len(line) for line in text.splitlines()) < 160


def test_latex_has_the_numbers() -> None:
    made = formula(STRUCTURES["four mechanisms"])
    text = latex(made)
    assert text.startswith(r"\begin{aligned}") and r"y &= 1.3 \operatorname{asinh} \frac{g}{1.3}" in text
    assert r"\alpha_k &= (0.03 + 0.02 e^{-k/50}) (1 - 0.7 e^{-k/10})" in text
    assert r"u &= -(1 + \frac{s}{0.5^2})^{-0.2}" in text
    assert number(1.23456e-7) == r"1.23 \cdot 10^{-7}"


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_has_balanced_latex(name: str) -> None:
    for line in lines(formula(STRUCTURES[name])):
        assert line.count("{") == line.count("}") and "None" not in line


def test_decays_show_their_distance_from_one() -> None:
    found = [decay(value) for value in (0.5, 0.9, 0.95, 0.99988, 0.99996)]
    assert found == ["0.5", "0.9", "0.950", "0.99988", r"(1 - 4 \cdot 10^{-5})"]
    near = Formula(
        Structure(momenta=0, adaptation="power"), {"rate": 1, "averaging": 0.99996, "exponent": 1, "scale": 1}
    )
    assert r"s \leftarrow (1 - 4 \cdot 10^{-5}) s + 4 \cdot 10^{-5} g^2" in lines(near)
