"""Files and packages that register optimizers and tasks, and what is wrong with others."""

import os
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from core import plugins
from core.baselines.search import search
from core.errors import InputError
from core.optimizers.hand_designed import HAND_DESIGNED
from core.tasks import TASKS

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
MODULE = """
import torch
from core.plugins import register_optimizer

class Plain(torch.nn.Module):
    state_size = 1
    def forward(self, state, gradient):
        state = 0.5 * state + gradient[:, None]
        return state, -0.1 * state[:, 0]

register_optimizer({name!r}, Plain(){more})
"""


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is forgotten."""
    kept = [plugins.OPTIMIZERS, plugins.WRAPPED, plugins._loaded, HAND_DESIGNED, TASKS]
    before = [dict(registry) for registry in kept]
    monkeypatch.setenv("LOPTSCOPE_PLUGINS", "")
    yield
    for registry, content in zip(kept, before, strict=True):
        registry.clear()
        registry.update(content)  # type: ignore[arg-type]


def written(tmp_path: Path, text: str, name: str = "mine.py") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_file_is_loaded_once_and_named_for_workers(tmp_path: Path) -> None:
    path = written(tmp_path, MODULE.format(name="plain", more=""))
    plugins.load_all([path])
    plugins.load_all([path])
    plugin = plugins.OPTIMIZERS["plain"]
    assert (plugin.title, plugin.tasks) == ("plain", None)
    assert os.environ["LOPTSCOPE_PLUGINS"] == str(path)
    state, update = plugin.optimizer.step(torch.ones(2, 1), torch.tensor([1.0, 2.0]))
    assert update.tolist() == pytest.approx([-0.15, -0.25])
    assert state.tolist() == [[1.5], [2.5]]


def test_its_digest_follows_code_and_weights(tmp_path: Path) -> None:
    digests = set()
    for number, text in enumerate(
        [MODULE, MODULE.replace("0.5", "0.4"), MODULE.replace("state_size = 1", "state_size = 1 ")]
    ):
        plugins.load_file(written(tmp_path, text.format(name=f"plain{number}", more=""), f"{number}.py"))
        digests.add(plugins.OPTIMIZERS[f"plain{number}"].digest)
    assert len(digests) == 3


WRONG = [
    ("x = 1", "registers nothing"),
    ("x = 1 /", "fails with SyntaxError"),
    ("import nothing_of_that_name", "fails with ModuleNotFoundError"),
    ("raise RuntimeError('on purpose')", "fails with RuntimeError: on purpose"),
    (MODULE.format(name="adam", more=""), "an optimizer 'adam' exists already"),
    (MODULE.format(name="../x", more=""), "must be letters"),
    (MODULE.format(name="plain", more=", tasks=['nonsense']"), "unknown task 'nonsense'"),
    ("from core.plugins import register_optimizer\nregister_optimizer('x', lambda: 3)", "must be a torch.nn.Module"),
    ("from core.plugins import register_task\nregister_task(int)", "must be a class derived from Task"),
    (
        "import torch\nfrom core.plugins import register_torch_optimizer as r\nr('x', torch.optim.Adam, ranges={'beta3': None})",
        "no hyperparameter 'beta3'",
    ),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    path = written(tmp_path, text)
    for _ in range(2):  # a file that failed may be mended and named again
        with pytest.raises(InputError, match=why) as caught:
            plugins.load_all([path])
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert os.environ["LOPTSCOPE_PLUGINS"] == ""


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        plugins.load_all([tmp_path / "nothing.py"])


def test_an_installed_package_offers_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "def register():\n" + "\n".join(
        "    " + line for line in MODULE.format(name="packaged", more="").splitlines()
    )
    written(tmp_path, text, "somebodys_package.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("somebody", "somebodys_package:register", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == plugins.GROUP else [])
    plugins.load_all()
    plugins.load_all()
    assert "packaged" in plugins.OPTIMIZERS
    broken = EntryPoint("broken", "no_such_package:register", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [broken])
    with pytest.raises(InputError, match=r"plugin broken \(no_such_package:register\) fails"):
        plugins.load_all()


def test_the_worked_examples_of_tasks() -> None:
    for name in ("quadratic", "digits"):
        plugins.load_file(EXAMPLES / f"{name}.py")
        problems = TASKS[name]().sample(3, torch.Generator().manual_seed(1), dtype=torch.float64)
        x = problems.x0 + 0.1
        loss, gradient = problems.loss_and_gradient(x)
        direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        ahead, behind = (problems.loss(x + sign * 1e-5 * direction) for sign in (1, -1))
        torch.testing.assert_close((gradient * direction).sum(1), (ahead - behind) / 2e-5, rtol=1e-6, atol=1e-9)
        up, down = (problems.gradient(x + sign * 1e-5 * direction) for sign in (1, -1))
        product = problems.hessian_vector_product(x, direction)
        torch.testing.assert_close(product, (up - down) / 2e-5, rtol=1e-5, atol=1e-8)
        again = problems.repeated(2).part(3, 6)
        torch.testing.assert_close(again.loss(x), loss)
        torch.testing.assert_close(problems.starting_at(x).loss(problems.x0), problems.loss(problems.x0))
    curvatures = TASKS["quadratic"]().sample(200, torch.Generator().manual_seed(0)).data["curvatures"]  # type: ignore[attr-defined]
    assert float(curvatures[:, -1].median() / curvatures[:, 0].median()) == pytest.approx(100, rel=0.1)


def test_wrapped_examples_can_be_tuned() -> None:
    plugins.load_file(EXAMPLES / "torch_optimizers.py")
    assert {"adamw", "adagrad", "lion"} <= set(plugins.WRAPPED)
    searched = search(TASKS["rosenbrock"](), "lion", draws=8, steps=20, rungs=[(2, 8)])
    assert searched.draws["learning_rate"].max() <= 1.0
    assert searched.tuned.meta_loss < 1
