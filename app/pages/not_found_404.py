"""The page for an unknown address."""

import dash
from dash import dcc, html

dash.register_page(__name__, title="Loptscope: no such page")


def layout(**_: str) -> html.Main:
    """What is wrong, and the ways back."""
    links = [dcc.Link("Explore", href="/"), " or the ", dcc.Link("Guide", href="/guide")]
    said = html.P(["There is no page at this address. Go to ", *links, "."])
    return html.Main([html.H2("No such page"), said], className="lone")
