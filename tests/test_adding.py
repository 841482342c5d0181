"""The recipes of docs/adding.md work as written: every block is applied to a copy of the project, and every page opens there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^`([\w/.]+)`(?:, new)?:\n\n```(python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED, LINKED = ("core", "app", "loptscope"), ("assets", "zoo", "pyproject.toml")


def patched(text: str, diff: str) -> str:
    """The text after a diff whose hunks are separated by "@@"; the lines of each must occur exactly once."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        before, after = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
        assert text.count(before) == 1, f"these lines occur {text.count(before)} times:\n{before}"
        text = text.replace(before, after)
    return text


def applied(root: Path) -> list[str]:
    """Apply every block of the document to a copy of the project; the paths of the files."""
    blocks = BLOCK.findall((ROOT / "docs" / "adding.md").read_text(encoding="utf-8"))
    for name, kind, content in blocks:
        path = root / name
        if kind == "python":
            assert not path.exists(), f"{name} exists already"
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        else:
            path.write_text(patched(path.read_text(encoding="utf-8"), content), encoding="utf-8")
    return [name for name, _, _ in blocks]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("*.pyc"))
    for name in LINKED:
        (root / name).symlink_to(ROOT / name)
    return root


@pytest.fixture(scope="module")
def files(copy: Path) -> list[str]:
    return applied(copy)


def test_every_recipe_fits_the_code(copy: Path, files: list[str]) -> None:
    assert {"core/optimizers/hand_designed/adagrad.py", "core/tasks/beale.py", "app/pages/tasks/page.py"} <= set(files)
    for name in files:
        compile((copy / name).read_text(encoding="utf-8"), name, "exec")


def run(copy: Path, *arguments: str) -> None:
    folders = {"LOPTSCOPE_RUNS": str(copy / "runs"), "LOPTSCOPE_CACHE": str(copy / "cache")}
    environment = {**os.environ, **folders, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, "-P", *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.long
def test_every_addition_works_as_the_recipes_say(copy: Path, files: list[str]) -> None:
    run(copy, "-m", "ruff", "check", "--no-cache", *files)
    run(copy, "-m", "ruff", "format", "--check", "--no-cache", *files)
    run(copy, str(ROOT / "tests" / "additions.py"))
