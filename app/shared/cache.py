"""Computed views: each is computed once, however many ask for it at the same time, and kept as bytes.

Where the pages are served, a pool of processes computes (`compute_in`). Elsewhere, as in notebooks and tests, the caller does.
"""

import functools
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from flask_caching import Cache

import core
from app.compute.asker import asker
from app.compute.pool import Pool
from app.shared.backends import FolderCache, RedisCache
from core.errors import InputError

LIFETIME = 30 * 24 * 3600  # seconds that a view is kept in Redis
FILES = 300  # views that are kept in a folder

cache = Cache()
_locks: dict[str, threading.Lock] = {}
_guard = threading.Lock()
_pool: list[Pool] = []  # the one that computes; empty where the caller does


@functools.cache
def source_digest() -> str:
    """A hash of the source files that compute what is kept: those of the numerical side, and of the pages, which ask for it and put it together."""
    digest = hashlib.sha256()
    for folder in (Path(core.__file__).parent, Path(__file__).parents[1]):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def settings() -> dict[str, Any]:
    """Where views are kept: in Redis if REDIS_URL is set, otherwise in a folder that only the user can change.

    Raises:
        InputError: the folder belongs to somebody else, or others may write there.
    """
    common = {"CACHE_KEY_PREFIX": "loptscope:", "CACHE_DEFAULT_TIMEOUT": 0}
    if url := os.environ.get("REDIS_URL"):
        return {
            **common,
            "CACHE_TYPE": f"{RedisCache.__module__}.{RedisCache.__name__}",
            "CACHE_REDIS_URL": url,
            "CACHE_DEFAULT_TIMEOUT": LIFETIME,
        }
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("LOPTSCOPE_CACHE") or Path(home) / "loptscope")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.stat()
    if state.st_uid != os.geteuid() or state.st_mode & 0o022:
        raise InputError(
            f"LOPTSCOPE_CACHE must be a folder of your own that nobody else can write to: {folder} is not (chmod 700, or "
            "choose another)"
        )
    return {
        **common,
        "CACHE_TYPE": f"{FolderCache.__module__}.{FolderCache.__name__}",
        "CACHE_DIR": str(folder),
        "CACHE_THRESHOLD": FILES,
    }


def compute_in(pool: Pool | None) -> None:
    """Compute in a pool of processes from now on; None computes in the caller."""
    _pool[:] = [] if pool is None else [pool]


def pool() -> Pool | None:
    """The pool that computes; None where the caller does."""
    return _pool[0] if _pool else None


def once(name: str, function: Callable[..., bytes], *args: Any) -> bytes:
    """The bytes kept under a name; computed and kept if they are missing.

    Args:
        name: covers everything that they depend on.
        function: computes them; a function of a module, since another process may call it.
        args: its arguments.
    """
    content = cache.get(name)
    if content is not None:
        return bytes(content)
    if _pool:
        content = anew(name, function, *args)
        cache.set(name, content)
        return content
    with _guard:
        lock = _locks.setdefault(name, threading.Lock())
    with lock:
        content = cache.get(name)
        if content is None:
            content = function(*args)
            cache.set(name, content)
    with _guard:
        _locks.pop(name, None)
    return bytes(content)


def anew(name: str, function: Callable[..., bytes], *args: Any) -> bytes:
    """Bytes that nobody will ask for again: computed as by `once`, and not kept.

    Args:
        name, function, args: as for `once`.
    """
    return _pool[0].compute(name, function, args, asker()) if _pool else function(*args)


def ahead(app: Flask, name: str, function: Callable[..., bytes], *args: Any) -> None:
    """Compute what will probably be asked for, while nobody waits; nothing where there is no pool.

    Args:
        app: the application whose cache keeps it.
        name, function, args: as for `once`.
    """

    def keep(content: bytes) -> None:
        with app.app_context():
            cache.set(name, content)

    if _pool and cache.get(name) is None:
        _pool[0].ahead(name, function, args, keep)
