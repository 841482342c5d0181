"""For whom something is computed: the client of the current request, and whether it still waits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from flask import g, has_request_context, request

from app.compute.line import BACKGROUND, Group
from app.compute.turns import Turns

TAB = "X-Loptscope-Tab"  # names one tab of a browser, for as long as it is open


class SupersededError(Exception):
    """The same tab has asked for something newer."""


@final
@dataclass(frozen=True)
class Asker:
    """A request.

    Attributes:
        client: the address it comes from.
        group: its tab and what it asks for; None if it does not say.
        number: later requests have larger ones.
        gone: whether the client has gone.
    """

    client: str
    group: Group | None = None
    number: int = 0
    gone: Callable[[], bool] = lambda: False


NOBODY = Asker(BACKGROUND)


def client_of() -> str:
    """The address of the current request's client."""
    return request.remote_addr or "unknown"


def tab_of() -> str:
    """The name of the current request's tab; "" if it does not say."""
    return request.headers.get(TAB, "")[:40]


def begin(number: Callable[[Group | None], int], turns: Turns) -> None:
    """Note who asks, at the beginning of a request, and wait for its turn.

    Args:
        number: gives the request its number and supersedes older ones of its group.
        turns: of the clients.

    Raises:
        TooManyError: too many requests wait already.
        GoneError: the client has gone meanwhile.
    """
    tab, wanted = tab_of(), ""
    if tab and request.method == "POST":
        content: Any = request.get_json(silent=True)
        wanted = str(content.get("output", ""))[:2000] if isinstance(content, dict) else ""
    client = client_of()
    group = (f"{client} {tab}", wanted) if wanted else None
    left = request.environ.get("waitress.client_disconnected")
    gone = left if callable(left) else lambda: False
    made = Asker(client, group, number(group), gone)
    turns.enter(client, gone)
    g.asker = made


def end(turns: Turns) -> None:
    """The request has been answered."""
    made = g.pop("asker", None)
    if made is not None:
        turns.leave(made.client)


def asker() -> Asker:
    """Who asks; nobody outside of a request."""
    return getattr(g, "asker", NOBODY) if has_request_context() else NOBODY
