"""Computed views and where they are kept."""

import os
import pickle
import struct
from pathlib import Path

import pytest
from flask import Flask
from redis.exceptions import ConnectionError as RedisConnectionError

from app.shared.backends import AGAIN, FolderCache, RedisCache
from app.shared.cache import LIFETIME, cache, once, settings
from core.errors import InputError


def test_without_redis_the_cache_is_a_private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("LOPTSCOPE_CACHE", str(tmp_path / "deep" / "cache"))
    chosen = settings()
    assert chosen["CACHE_TYPE"] == "app.shared.backends.FolderCache"
    assert chosen["CACHE_DIR"] == str(tmp_path / "deep" / "cache")
    assert (tmp_path / "deep" / "cache").stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("LOPTSCOPE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert settings()["CACHE_DIR"] == str(tmp_path / "home" / "loptscope")


def test_with_redis_the_cache_is_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379/2")
    monkeypatch.setenv("LOPTSCOPE_CACHE", str(tmp_path / "unused"))
    chosen = settings()
    assert (chosen["CACHE_TYPE"], chosen["CACHE_REDIS_URL"]) == (
        "app.shared.backends.RedisCache",
        "redis://cache:6379/2",
    )
    assert chosen["CACHE_DEFAULT_TIMEOUT"] == LIFETIME
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_folder_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("LOPTSCOPE_CACHE", str(tmp_path))
    tmp_path.chmod(mode)
    with pytest.raises(InputError, match="a folder of your own that nobody else can write to"):
        settings()
    tmp_path.chmod(0o755)
    settings()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(InputError, match="a folder of your own"):
        settings()


def test_a_folder_keeps_bytes_and_runs_nothing(tmp_path: Path) -> None:
    kept = FolderCache(str(tmp_path), threshold=2, default_timeout=0)
    for name in "abc":
        assert kept.set(name, name.encode() * 100_000)
    assert kept.get("c") == b"c" * 100_000
    assert sum(path.stat().st_size > 1000 for path in tmp_path.iterdir()) <= 3
    witness = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(witness),)

    Path(kept._get_filename("c")).write_bytes(struct.pack("I", 0) + pickle.dumps(Bomb()))
    assert kept.get("c") is None and not witness.exists()
    Path(kept._get_filename("c")).unlink()
    assert kept.get("c") is None


class Silent:
    """A Redis that does not answer until it is told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked, self.there, self.kept = 0, False, dict[str, bytes]()

    def _answer(self) -> None:
        self.asked += 1
        if not self.there:
            raise RedisConnectionError

    def get(self, key: str) -> bytes | None:
        self._answer()
        return self.kept.get(key)

    def set(self, name: str, value: bytes, ex: int | None) -> bool:
        self._answer()
        self.kept[name] = value
        return True


def test_without_redis_every_view_is_missing_and_with_it_again_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("app.shared.backends.time.monotonic", lambda: clock[0])
    silent = Silent()
    kept = RedisCache(host=silent)
    assert kept.get("a") is None and not kept.set("a", b"1") and silent.asked == 1
    silent.there = True
    assert kept.get("a") is None and silent.asked == 1  # not asked so soon
    clock[0] += AGAIN + 1
    assert kept.set("a", b"1") and kept.get("a") == b"1"
    silent.kept["a"] = b"!" + pickle.dumps(b"1")
    assert kept.get("a") is None


def test_a_view_is_computed_once(tmp_path: Path) -> None:
    server, calls = Flask("test"), []

    def compute(what: str) -> bytes:
        calls.append(what)
        return what.encode()

    cache.init_app(server, config={"CACHE_TYPE": "app.shared.backends.FolderCache", "CACHE_DIR": str(tmp_path)})
    with server.app_context():
        assert [once("view", compute, "x"), once("view", compute, "x")] == [b"x", b"x"] and calls == ["x"]
        for path in tmp_path.iterdir():
            path.unlink()
        assert once("view", compute, "x") == b"x" and calls == ["x", "x"]
