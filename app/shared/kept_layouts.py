"""Layouts of pages, kept as the bytes of their answers: drawing one takes much of the server's time, and most links are asked for again.

Only for pages whose layout depends on nothing but its link, light or dark, and what the catalog's stamp covers: the zoo, the tuned
optimizers and the runs.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from typing import Any, final

from flask import Flask, Response, g, request

from app.shared.catalog import seen

BYTES = 32 * 2**20  # of all answers together
OUTPUT = ".._pages_content.children"  # with which the name of Dash's output of a page begins
LONE = b'"className":"lone"'  # in the layout of what cannot be shown, possibly only now


@final
@dataclass
class KeptBytes:
    """Bytes by what they depend on; those asked for least recently go first.

    Attributes:
        most: bytes of all together.
    """

    most: int
    _kept: OrderedDict[Hashable, bytes] = field(default_factory=OrderedDict)
    _size: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        """What is kept; None if nothing is."""
        with self._lock:
            content = self._kept.get(key)
            if content is not None:
                self._kept.move_to_end(key)
            return content

    def keep(self, key: Hashable, content: bytes) -> None:
        """Keep something, unless it is larger than all together may be."""
        if len(content) > self.most:
            return
        with self._lock:
            self._size += len(content) - len(self._kept.pop(key, b""))
            self._kept[key] = content
            while self._size > self.most:
                self._size -= len(self._kept.popitem(last=False)[1])


def _key(paths: Collection[str]) -> Hashable | None:
    """What the answer to the current request depends on; None if it is not the layout of one of these pages."""
    if request.method != "POST" or request.path != "/_dash-update-component":
        return None
    content: Any = request.get_json(silent=True)
    if not isinstance(content, dict) or not str(content.get("output", "")).startswith(OUTPUT):
        return None
    inputs = content.get("inputs")
    values = (
        {one.get("property"): one.get("value") for one in inputs if isinstance(one, dict)}
        if isinstance(inputs, list)
        else {}
    )
    if values.get("pathname") not in paths or "recording=" in str(values.get("search")):
        return None
    return hashlib.sha256(request.get_data()).digest(), request.cookies.get("theme", ""), seen()


def keep_layouts(server: Flask, paths: Collection[str]) -> None:
    """Answer requests for the layouts of some pages from memory.

    Args:
        server: the application.
        paths: of the pages.
    """
    answers = KeptBytes(BYTES)

    @server.before_request
    def known() -> Response | None:
        g.layout_key = _key(paths)
        content = None if g.layout_key is None else answers.get(g.layout_key)
        if content is None:
            return None
        g.layout_key = None
        return Response(content, mimetype="application/json")

    @server.after_request
    def keep(response: Response) -> Response:
        key = g.pop("layout_key", None)
        if key is not None and response.status_code == 200 and not response.is_streamed:
            content = response.get_data()
            if LONE not in content:
                answers.keep(key, content)
        return response
