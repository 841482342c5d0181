"""What is computed once and kept: by one thread, however many ask at once."""

import threading
from collections.abc import Callable

from flask_caching import Cache

cache = Cache()
_locks: dict[str, threading.Lock] = {}
_guard = threading.Lock()


def once(name: str, compute: Callable[[], bytes]) -> bytes:
    """The bytes kept under a name, or computed now and kept; the name holds everything they depend on."""
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
