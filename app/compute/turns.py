"""Turns at the server itself: a client's requests are worked on a few at a time, so that many of one client do not slow down another's."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import final

from core.errors import TooManyError

LOOK_EVERY = 0.2  # seconds between two looks at whether a client is still there


class GoneError(Exception):
    """The client has closed its connection."""


@dataclass
class _Client:
    """The requests of a client: how many there are, and how many are worked on."""

    there: int = 0
    active: int = 0


@final
@dataclass
class Turns:
    """Who is being worked on.

    Attributes:
        places: requests of one client that are worked on at the same time.
        most: requests of one client that may be there, those included that wait for a view to be computed.
        most_in_all: requests that may be there.
    """

    places: int = 2
    most: int = 64
    most_in_all: int = 128
    _clients: dict[str, _Client] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()

    def enter(self, client: str, gone: Callable[[], bool] = lambda: False) -> None:
        """Wait for a turn; `leave` ends it.

        Raises:
            TooManyError: too many requests wait already, of this client or in all.
            GoneError: the client has gone while it waited.
        """
        with self._changed:
            mine = self._clients.get(client, _Client())
            there = sum(one.there for one in self._clients.values())
            if mine.there >= self.most or there >= self.most_in_all:
                whose = "of your requests" if mine.there >= self.most else "requests"
                raise TooManyError(
                    f"too many {whose} wait here already: try again in a moment", after=2.0 + mine.there / 10
                )
            self._clients[client] = mine
            mine.there += 1
            try:
                self._wait(mine, gone)
            except GoneError:
                self._forget(client, mine)
                raise

    def _wait(self, mine: _Client, gone: Callable[[], bool]) -> None:
        while mine.active >= self.places:
            if not self._changed.wait(LOOK_EVERY) and gone():
                raise GoneError
        mine.active += 1

    def _forget(self, client: str, mine: _Client) -> None:
        mine.there -= 1
        if not mine.there:
            self._clients.pop(client, None)
        self._changed.notify_all()

    @contextmanager
    def away(self, client: str) -> Iterator[None]:
        """Let others have the turn while this request only waits, and wait for one again afterwards."""
        with self._changed:
            mine = self._clients.get(client)
            if mine is not None:
                mine.active -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                if mine is not None:
                    self._wait(mine, lambda: False)

    def leave(self, client: str) -> None:
        """The request has been answered."""
        with self._changed:
            mine = self._clients[client]
            mine.active -= 1
            self._forget(client, mine)
