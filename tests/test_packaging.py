"""What is installed is whole: a wheel built from a copy of the repository, unpacked elsewhere, works there."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "core", "loptscope")
DATA = {"app/data/assets": "assets", "core/data/zoo": "zoo"}
FILES = ("LICENSE", "README.md", "pyproject.toml", "requirements.txt", "setup.py")
NOT_INSTALLED = ("__pycache__", "*.pyc", "training_state.safetensors", ".*")
CHECK = """
from app.server import create_app
from core.runs import zoo
client = create_app().server.test_client()
for address in ("/", "/assets/shared/stub.js", "/healthz", "/_dash-layout"):
    answer = client.get(address)
    assert answer.status_code == 200, address
    answer.close()
assert b"#explore/main.mjs" in client.get("/").data
print(zoo.find_run("linear_regression-vanilla2").optimizer().name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in (*PACKAGES, *DATA.values()):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(copy)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return next(out.glob("loptscope-*.whl"))


def expected():
    """Paths in the wheel of everything in the checkout that is to be installed."""
    places = {name: name for name in PACKAGES} | DATA
    for inside, folder in places.items():
        for path in (ROOT / folder).rglob("*"):
            relative = path.relative_to(ROOT / folder)
            hidden = any(Path(part).match(pattern) for part in relative.parts for pattern in NOT_INSTALLED)
            if path.is_file() and not hidden:
                yield f"{inside}/{relative.as_posix()}"


@pytest.mark.long
def test_it_holds_every_module_and_all_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = set(expected())
    assert {"core/py.typed", "app/py.typed", "loptscope/py.typed", "app/pages/explore/page.py"} <= wanted
    assert wanted <= names, sorted(wanted - names)[:5]
    others = {name for name in names - wanted if ".dist-info/" not in name}
    assert not others
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    assert "loptscope = loptscope.cli.commands:main" in zipfile.ZipFile(wheel).read(entry_points).decode()


@pytest.mark.long
def test_it_works_where_it_is_unpacked(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "elsewhere").mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "LOPTSCOPE_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=tmp_path / "elsewhere",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "RNN-2"
