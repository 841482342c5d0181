"""What the set-up says about the code is true of the code."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import core

ROOT = Path(__file__).resolve().parent.parent
OURS = {"app", "benchmarks", "core", "loptscope", "tests", "tools"}
CUDA = re.compile(r"nvidia-|cuda-|triton")  # torch's own, and only on some machines
URL = re.compile(r"https?://([^\s/'\"`<>()\\]*)")
OUR_URLS = re.compile(r"(127\.0\.0\.1|localhost|\{\w+\})(:(\d+|\{\w+\}))?|www\.w3\.org")


def pins(name, section=None):
    """The pinned requirements of a file, or of one section of it, by canonical name."""
    requirements, current = {}, None
    for line in (ROOT / name).read_text().splitlines():
        if line.startswith("# "):
            current = line[2:].split(":")[0]
        elif line and not line.startswith("-r ") and section in (None, current):
            requirement = Requirement(line)
            requirements[canonicalize_name(requirement.name)] = requirement
    return requirements


def imports(folder):
    """(file, module) for every third-party top-level module that a folder's Python files import."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if top not in OURS and top not in sys.stdlib_module_names:
                    yield path.relative_to(ROOT), top


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned(name):
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-r "))]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; \w+ \S+ \"[^\"]+\")?", line), line


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_no_pin_was_yanked_when_it_was_installed(name):
    """As far as pip has said when `make` installed it; without that, or offline, there is nothing to look at."""
    warnings = Path(sys.prefix) / f".warnings-{name}"
    if not warnings.exists():
        pytest.skip("this environment was not installed by make")
    assert "yanked" not in warnings.read_text()


def test_development_builds_on_what_runs():
    assert (ROOT / "requirements-dev.txt").read_text().startswith("-r requirements.txt\n")
    assert not pins("requirements.txt").keys() & pins("requirements-dev.txt").keys()


def test_what_is_pinned_is_what_is_installed():
    for name, requirement in (pins("requirements.txt") | pins("requirements-dev.txt")).items():
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(version(name)), f"{name} {version(name)}"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_whatever_a_requirement_needs_is_pinned_too(name):
    known = pins("requirements.txt") | pins(name)
    for parent in known:
        try:
            needed = map(Requirement, requires(parent) or ())
        except PackageNotFoundError:  # not on this Python
            continue
        for requirement in needed:
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                child = canonicalize_name(requirement.name)
                assert child in known or CUDA.match(child), f"{parent} needs {child}"


@pytest.fixture(scope="module")
def providers():
    """Which distributions a top-level module comes from (slow to find out)."""
    return packages_distributions()


@pytest.mark.parametrize("folder", ["core", "app", "loptscope", "benchmarks", "tests"])
def test_every_import_is_a_direct_requirement(folder, providers):
    direct = pins("requirements.txt", "Direct").keys()
    if folder in ("benchmarks", "tests"):
        direct |= pins("requirements-dev.txt", "Direct").keys() | {"packaging"}
    # what runs in the peer's environment is left out
    imported = [(path, module) for path, module in imports(folder) if not path.name.startswith("renn_")]
    assert imported
    for path, module in imported:
        names = {canonicalize_name(name) for name in providers.get(module, [module])}
        assert names & direct, f"{path} imports {module}"


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    headings = re.findall(r"^## \[?v?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert core.__version__ == project["version"] == headings[0]


@pytest.mark.parametrize("folder", ["app", "assets"])
def test_nothing_comes_from_another_host(folder):
    texts = 0
    for path in sorted((ROOT / folder).rglob("*")):
        if path.is_dir() or {"__pycache__", "vendor"} & set(
            path.parts
        ):  # other people's files name where they come from
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # an image or a font
            continue
        texts += 1
        for host in URL.findall(text):
            assert OUR_URLS.fullmatch(host), f"{path.relative_to(ROOT)} names the host {host!r}"
    assert texts


def chromium(path, **environment):
    """Run tools/chromium.sh as if Chromium's usual place were ``path``."""
    script = (ROOT / "tools" / "chromium.sh").read_text().replace("/usr/bin/chromium", str(path))
    command, environment = ["/bin/sh", "-c", script], {"PATH": "", **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def executable(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_chromium_that_is_there_is_left_alone(tmp_path):
    assert chromium(executable(tmp_path / "chromium", ":")) == (0, "", "")


def test_a_chromium_that_is_named_is_left_alone(tmp_path):
    named = executable(tmp_path / "my chrome", ":")
    assert chromium(tmp_path / "missing", LOPTSCOPE_CHROMIUM=str(named)) == (0, "", "")


def test_one_sentence_where_chromium_cannot_be_brought(tmp_path):
    status, out, err = chromium(tmp_path / "missing")
    assert (status, out) == (1, "")
    assert err.startswith(f"There is no Chromium at {tmp_path}/missing: install one there")
    assert "LOPTSCOPE_CHROMIUM" in err
    assert err.endswith(".\n")
    assert err.count("\n") == 1


def test_a_named_chromium_that_is_missing_is_not_replaced(tmp_path):
    executable(tmp_path / "apt-get", 'echo "$*" >> "$0.log"')
    executable(tmp_path / "id", "echo 0")
    status, out, err = chromium(tmp_path / "x", PATH=str(tmp_path), LOPTSCOPE_CHROMIUM="/nowhere/chrome")
    assert (status, out) == (1, "")
    assert err.startswith("There is no Chromium at /nowhere/chrome:")
    assert not (tmp_path / "apt-get.log").exists()


@pytest.mark.parametrize("works", [True, False])
def test_root_installs_chromium_with_apt_get(tmp_path, works):
    made = f'case "$*" in *chromium*) : > {tmp_path}/chromium; /bin/chmod +x {tmp_path}/chromium ;; esac'
    executable(tmp_path / "apt-get", made if works else "exit 100")
    executable(tmp_path / "id", "echo 0")
    executable(tmp_path / "env", 'shift; exec "$@"')
    status, out, err = chromium(tmp_path / "chromium", PATH=str(tmp_path))
    assert status == (0 if works else 1)
    assert out.startswith("Installing Chromium")
    assert bool(err) != works


def redis(**environment):
    """Run tools/redis.sh."""
    command = ["/bin/sh", str(ROOT / "tools" / "redis.sh")]
    done = subprocess.run(command, env={"PATH": "", **environment}, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_redis_that_is_there_is_left_alone(tmp_path):
    named = executable(tmp_path / "my redis", ":")
    assert redis(LOPTSCOPE_REDIS=str(named)) == (0, "", "")
    executable(tmp_path / "redis-server", ":")
    assert redis(PATH=str(tmp_path)) == (0, "", "")


def test_one_sentence_where_redis_cannot_be_brought():
    status, out, err = redis()
    assert (status, out) == (1, "")
    assert err.startswith("There is no redis-server: install it") and "LOPTSCOPE_REDIS" in err
    assert err.endswith(".\n") and err.count("\n") == 1


@pytest.mark.parametrize("works", [True, False])
def test_root_installs_redis_with_apt_get(tmp_path, works):
    made = f'case "$*" in *redis*) : > {tmp_path}/redis-server; /bin/chmod +x {tmp_path}/redis-server ;; esac'
    executable(tmp_path / "apt-get", made if works else "exit 100")
    executable(tmp_path / "id", "echo 0")
    executable(tmp_path / "env", 'shift 2; exec "$@"')
    status, out, err = redis(PATH=str(tmp_path))
    assert status == (0 if works else 1)
    assert out.startswith("Installing Redis")
    assert bool(err) != works
