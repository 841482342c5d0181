"""A cache that computes each value once, in one thread, even if several threads request it at the same time."""

import functools
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from flask_caching import Cache

import core

cache = Cache()
_locks: dict[str, threading.Lock] = {}
_guard = threading.Lock()


@functools.cache
def source_digest() -> str:
    """A hash of the source files that compute bundles."""
    digest = hashlib.sha256()
    for path in sorted(Path(core.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def once(name: str, compute: Callable[[], bytes]) -> bytes:
    """The bytes cached under a name; computed and cached if missing. The name must cover everything they depend on."""
    content = cache.get(name)
    if content is not None:
        return bytes(content)
    with _guard:
        lock = _locks.setdefault(name, threading.Lock())
    with lock:
        content = cache.get(name)
        if content is None:
            content = compute()
            cache.set(name, content)
    with _guard:
        _locks.pop(name, None)
    return bytes(content)
