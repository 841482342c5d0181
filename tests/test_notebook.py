"""The notebook in docs/ runs from top to bottom, as a kernel would run it, and is kept without outputs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
# Each cell in one namespace; the value of a last expression is displayed, a figure as the bundle that a notebook gets.
KERNEL = """
import ast, json, sys
names = {"__name__": "__main__"}
shown = []
for source in json.load(sys.stdin):
    cell = ast.parse(source)
    last = cell.body.pop().value if isinstance(cell.body[-1], ast.Expr) else None
    exec(compile(cell, "cell", "exec"), names)
    value = None if last is None else eval(compile(ast.Expression(last), "cell", "eval"), names)
    bundle = getattr(value, "to_json", None)
    shown.append([type(value).__name__, len(bundle() if bundle else repr(value))])
print(json.dumps(shown))
"""


@pytest.fixture(scope="module")
def cells():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_it_is_kept_without_outputs(cells):
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


@pytest.mark.long
def test_it_runs(cells, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", KERNEL],
        input=json.dumps(["".join(cell["source"]) for cell in cells]),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.splitlines()[-1])
    kinds = [kind for kind, _ in shown]
    assert kinds.count("Figure") == 3 and "Tensor" in kinds and "Schedule" in kinds
    assert all(size > 3000 for kind, size in shown if kind == "Figure")
    assert "λ = " in done.stdout
