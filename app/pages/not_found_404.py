"""The page for an unknown address."""

import dash
from dash import dcc, html

dash.register_page(__name__, title="Loptscope: no such page")


def layout(**_: str) -> html.Main:
    """One sentence and a way back."""
    link = dcc.Link("Explore", href="/")
    return html.Main(html.P(["There is no page at this address. Go to ", link, "."]), className="lone")
