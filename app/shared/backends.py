"""Where computed views are kept: flask-caching's folder and Redis, with bytes only. Nothing is pickled."""

import logging
import time
from collections.abc import Callable
from typing import IO, Any, TypeVar, final

from flask_caching.backends.filesystemcache import FileSystemCache
from flask_caching.backends.rediscache import RedisCache as FlaskRedisCache
from redis.exceptions import RedisError

BYTES, NUMBER = b"b", b"n"  # the first byte of a file: a view, or the cache's own count of its files
LARGEST = 64 * 2**20  # bytes of a view
PATIENCE = 0.5  # seconds in which Redis must answer
AGAIN = 5.0  # seconds after a failure in which Redis is not asked

Result = TypeVar("Result")
log = logging.getLogger("loptscope.cache")


@final
class BytesSerializer:
    """Writes and reads bytes and small whole numbers; anything else that is read counts as missing."""

    def dumps(self, value: bytes | int) -> bytes:
        return NUMBER + str(value).encode() if isinstance(value, int) else BYTES + bytes(value)

    def loads(self, content: bytes | None) -> bytes | int | None:
        if content is None or len(content) > LARGEST:
            return None
        if content[:1] == BYTES:
            return content[1:]
        if content[:1] == NUMBER and content[1:].isdigit() and len(content) <= 10:
            return int(content[1:])
        return None

    def dump(self, value: bytes | int, file: IO[bytes]) -> None:
        file.write(self.dumps(value))

    def load(self, file: IO[bytes]) -> bytes | int | None:
        return self.loads(file.read(LARGEST + 1))


class FolderCache(FileSystemCache):
    """Views in a folder."""

    serializer = BytesSerializer()  # type: ignore[assignment]  # cachelib names its own class


class RedisCache(FlaskRedisCache):
    """Views in Redis. While it does not answer, every view is missing: it is computed, and Redis is asked again a little later."""

    serializer = BytesSerializer()  # type: ignore[assignment]  # cachelib names its own class
    _silent_until = 0.0

    @classmethod
    def factory(cls, app: Any, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> "RedisCache":
        patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
        made = super().factory(app, {**config, "CACHE_OPTIONS": patience}, args, kwargs)
        assert isinstance(made, cls)
        return made

    def _try(self, ask: Callable[[], Result], otherwise: Result) -> Result:
        if time.monotonic() < self._silent_until:
            return otherwise
        try:
            return ask()
        except (RedisError, OSError) as error:
            self._silent_until = time.monotonic() + AGAIN
            log.warning("Redis does not answer (%s): views are computed", type(error).__name__)
            return otherwise

    def get(self, key: str) -> Any:
        return self._try(lambda: super(RedisCache, self).get(key), None)

    def set(self, key: str, value: Any, timeout: Any = None) -> Any:
        return self._try(lambda: super(RedisCache, self).set(key, value, timeout), False)
