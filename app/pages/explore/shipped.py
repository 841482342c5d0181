"""The views that ship: what each task opens on, so that a server shows it before torch is loaded.

A file is named by everything that its bundle depends on except the program; ``tools/first_views.py`` writes them, and a test
compares them with what the program computes.
"""

import functools
import lzma

from core.errors import InputError
from core.runs import zoo

FOLDER = zoo.ROOT / "first_views"
ENDING = ".safetensors.xz"


def encoded(bundle: bytes) -> bytes:
    """A bundle as a file has it."""
    return lzma.compress(bundle, preset=9 | lzma.PRESET_EXTREME)


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(path.name.removesuffix(ENDING) for path in FOLDER.glob(f"*{ENDING}"))


@functools.lru_cache(maxsize=8)
def _read(name: str) -> bytes:
    path = FOLDER / f"{name}{ENDING}"
    try:
        return lzma.decompress(path.read_bytes())
    except (OSError, lzma.LZMAError):
        raise InputError(f"{path} is damaged: write it anew with tools/first_views.py") from None


def shipped(name: str) -> bytes | None:
    """The bundle of that name; None if it does not ship.

    Raises:
        InputError: its file is damaged.
    """
    return _read(name) if name in _names() else None
