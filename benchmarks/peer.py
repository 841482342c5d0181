"""A peer process in a separate environment that answers each line on its stdin with a line on its stdout."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEER = Path(os.environ.get("LOPTSCOPE_PEER", ROOT / ".venv-peer")).absolute() / "bin" / "python"
ABSENT = "renn is not installed (`make bench` does it)"


@contextmanager
def peer(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A module of this package as a process in the peer's environment."""
    command = [str(PEER), "-m", f"benchmarks.{module}", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield process
        process.kill()


def ask(process: subprocess.Popen[str]) -> str:
    """The answer to an empty line."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()
