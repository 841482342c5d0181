"""Messages through a folder: kombu's file-system transport, which survives whatever lies in that folder.

A message only says that there is work, so one that is torn (its sender was killed, or the disk was full) or that is no message at
all is thrown away: the worker that finds nothing in it looks for work by itself.
"""

import secrets
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem

from core.errors import InputError
from core.files.atomic import finite_json
from core.files.plain import read_plain

SCHEME = "loptscope-folder"
LARGEST = 64 * 1024  # bytes of a message


def _is_message(content: Any) -> bool:
    """Whether this is what a transport delivers."""
    if not isinstance(content, dict) or not isinstance(content.get("body"), str):
        return False
    properties, headers = content.get("properties"), content.get("headers")
    return (
        isinstance(headers, dict) and isinstance(properties, dict) and isinstance(properties.get("delivery_tag"), str)
    )


class Channel(filesystem.Channel):
    """A channel that takes whole messages and throws everything else away."""

    def _get(self, queue: str, timeout: Any = None) -> Any:
        folder = Path(self.data_folder_in)
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = folder / f".{secrets.token_hex(8)}"
            try:
                path.rename(taken)  # one worker has it
            except OSError:
                continue
            try:
                content = finite_json(read_plain(taken, LARGEST))
            except (OSError, InputError, ValueError, RecursionError):
                content = None
            with suppress(OSError):
                taken.unlink()
            if _is_message(content):
                return content
        raise Empty

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)
        except (ValueError, TypeError):  # the table of queues is torn: it is written anew
            self._exchange_file(exchange).unlink(missing_ok=True)
            super()._queue_bind(exchange, routing_key, pattern, queue)

    def get_table(self, exchange: str) -> Any:
        try:
            return super().get_table(exchange)
        except (ValueError, TypeError):
            return []


class Transport(filesystem.Transport):
    """The transport of `SCHEME`."""

    Channel = Channel


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
