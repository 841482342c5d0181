"""The Guide's page: prose at once, figures when they are asked for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from dash import Dash, no_update
from dash.development.base_component import Component
from flask import Flask
from flask.testing import FlaskClient

from app.pages.guide.glossary import TERMS
from app.pages.guide.story import CHAPTERS


@pytest.fixture
def page(app: Dash) -> Any:
    """The module, registered."""
    from app.pages.guide import page as guide  # noqa: PLC0415 - after the application is made

    return guide


def every(component: Any) -> Iterator[Component]:
    """A component and all in it."""
    if isinstance(component, Component):
        yield component
        component = getattr(component, "children", None)
    if isinstance(component, list | tuple):
        for child in component:
            yield from every(child)
    elif isinstance(component, Component):
        yield from every(component)


def test_the_contents_lead_to_what_is_there(page: Any, server: Flask) -> None:
    with server.test_request_context("/guide"):
        components = list(every(page.layout()))
    ids = [component.id for component in components if isinstance(getattr(component, "id", None), str)]
    assert len(ids) == len(set(ids))
    hashes = [component.href[1:] for component in components if str(getattr(component, "href", "")).startswith("#")]
    assert set(hashes) <= set(ids)
    assert {f"guide-{chapter.name}" for chapter in CHAPTERS} | {"glossary"} <= set(hashes)
    assert {term.key for term in TERMS} <= set(ids)


def test_figures_wait_until_one_is_near(page: Any, server: Flask) -> None:
    schedule = next(chapter for chapter in CHAPTERS if chapter.name == "schedule")
    ask = page._callback_of(schedule)
    with server.test_request_context("/guide"):
        assert ask(False, "linear_regression", "auto", 60, None) == (no_update, no_update, no_update)
        stage, links, readout = ask(True, "linear_regression", "auto", 60, "dark")
    assert len(stage) == 2 and links[0].href.startswith("/mechanisms?") and readout.startswith("step 12")
    (graph,) = [component for component in every(stage[0]) if component.__class__.__name__ == "Graph"]
    assert json.loads(graph.figure.to_json())["layout"]["meta"]["theme"] == "dark"


def test_a_wrong_link_is_said(page: Any, server: Flask) -> None:
    with server.test_request_context("/guide"):
        components = list(every(page.layout(task="nonsense")))
    (notice,) = [component for component in components if getattr(component, "id", "") == "link-notice"]
    assert "unknown task 'nonsense'" in notice.children[0].children


def test_it_is_served(client: FlaskClient) -> None:
    assert client.get("/guide?task=rosenbrock").status_code == 200
