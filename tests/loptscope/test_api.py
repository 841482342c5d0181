"""The names that notebooks use, and the documentation that is built from their docstrings."""

import inspect
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pdoc
import pytest
import torch

import loptscope as ls
from core.optimizers import HAND_DESIGNED
from core.runs import zoo

ROOT = Path(__file__).resolve().parents[2]


def test_every_name_is_there_once_and_documented():
    assert ls.__all__ == sorted(set(ls.__all__))
    for name in ls.__all__:
        value = getattr(ls, name)
        assert name == "__version__" or inspect.getdoc(value), name


def test_every_instrument_is_there():
    """What core/analysis has for others to call."""
    for path in (ROOT / "core" / "analysis").glob("*.py"):
        if path.stem in ("__init__", "jacobians", "formula_jacobians"):
            continue
        names = re.findall(r"^def ([a-z]\w*)", path.read_text(encoding="utf-8"), re.MULTILINE)
        helpers = {"is_fixed_point", "stability_of", "following"}
        missing = set(names) - helpers - set(ls.__all__)
        assert not missing, f"{path.stem}: {missing}"


def test_load_a_shipped_one():
    run = zoo.find_run("linear_regression-vanilla2")
    assert torch.equal(ls.load(run.name).theta["weight_hh"], run.optimizer().theta["weight_hh"])
    assert torch.equal(ls.load(run.name, outer_step=0).theta["weight_hh"], run.optimizer(0).theta["weight_hh"])
    assert torch.equal(ls.load(str(run.path)).theta["weight_hh"], run.optimizer().theta["weight_hh"])


@pytest.mark.parametrize("name", HAND_DESIGNED)
def test_load_a_hand_designed_one(name):
    learning_rate = 0.25
    optimizer = ls.load(name, learning_rate=learning_rate)
    assert optimizer.hyperparameters()["learning_rate"] == learning_rate


def test_in_ten_lines():
    optimizer = ls.load("linear_regression-vanilla2")
    task = ls.make_task("linear_regression")
    problems = task.sample(4, ls.generator(ls.Purpose.VIEW, 0))
    trajectory = ls.unroll(optimizer, problems, 20)
    assert trajectory.losses.shape == (21, 4) and float(trajectory.losses[-1].mean()) < float(
        trajectory.losses[0].mean()
    )
    curves = ls.evaluate(task, {"ours": optimizer, "sgd": ls.load("sgd", learning_rate=1.0)}, problems=3, steps=5)
    assert {name: curve.shape for name, curve in curves.items()} == {"ours": (6, 3), "sgd": (6, 3)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ls.load("nothing"), "'nothing' is neither a run nor a run's folder"),
        (lambda: ls.load("adam", outer_step=3), "outer_step needs a learned optimizer: adam is hand-designed"),
        (lambda: ls.load("adam", speed=3), "speed"),
        (lambda: ls.load("linear_regression-vanilla2", beta=3), "beta: a learned optimizer like"),
    ],
)
def test_what_is_wrong_is_said(call, message):
    with pytest.raises(ls.InputError, match=re.escape(message)):
        call()


def test_importing_it_makes_no_server():
    script = "import sys, loptscope; print([name for name in ('dash', 'celery', 'waitress') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.long
def test_the_documentation_is_built_without_a_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.render.configure(docformat="google")
        pdoc.pdoc("loptscope", output_directory=tmp_path)
    text = (tmp_path / "loptscope.html").read_text(encoding="utf-8")
    for name in ls.__all__:
        assert f'id="{name}"' in text, name
    assert "<script src=" not in text and 'rel="stylesheet" href="http' not in text
