"""The page of a recording beside the callbacks of all pages."""

from collections.abc import Iterator
from typing import Any

import dash
from dash import Dash
from flask.testing import FlaskClient

from app.shared.shell import shell


def ids(component: Any) -> Iterator[str]:
    """The names in a layout."""
    if isinstance(component, list | tuple):
        for one in component:
            yield from ids(one)
    elif hasattr(component, "to_plotly_json"):
        if isinstance(name := getattr(component, "id", None), str):
            yield name
        yield from ids(getattr(component, "children", None))


def test_no_callback_asks_for_what_the_page_lacks(app: Dash, client: FlaskClient) -> None:
    """Dash stops with an error where a callback's output and a changed input are there, and another input is not."""
    callbacks = client.get("/_dash-dependencies").json
    layout = next(page["layout"] for page in dash.page_registry.values() if page["path"] == "/")
    for query in ({"recording": "adam"}, {}):
        with app.server.test_request_context():
            there = {*ids(layout(**query)), *ids(shell())}
        assert "loss-graph" in there and "theme" in there
        for one in callbacks:
            inputs = {entry["id"] for entry in one["inputs"]}
            outputs = {part.rpartition(".")[0] for part in one["output"].strip(".").split("...")}
            if outputs & there and inputs & there:
                lacking = {name for name in inputs if not name.startswith("{")} - there
                assert not lacking, (one["output"][:80], query, lacking)
