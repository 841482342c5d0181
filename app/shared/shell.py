"""The header and the frame of every page."""

from collections.abc import Callable

import dash
import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, clientside_callback, dcc, html

from app.shared.browser import FLAT, head
from app.shared.icons import icon
from app.shared.pages import PAGES
from app.shared.read_only import SENTENCE, read_only

# The colour scheme is set before anything is drawn, so that a dark page does not flash white.
INDEX = """<!DOCTYPE html>
<html lang="en">
  <head>
    {%metas%}
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{%title%}</title>
    {%css%}
    {HEAD}
    <script>
      (function () {
        const asked = new URLSearchParams(location.search).get("theme");
        const dark = matchMedia("(prefers-color-scheme: dark)").matches;
        const theme = asked === "light" || asked === "dark" ? asked : dark ? "dark" : "light";
        document.documentElement.setAttribute("data-mantine-color-scheme", theme);
        document.cookie = `theme=${theme}; path=/; SameSite=Lax`; // the server draws the first figures in this theme
        const pages = JSON.parse(document.getElementById("loptscope-tables").textContent).pages;
        const now = Object.values(pages).find(({ path }) => path === location.pathname);
        const part = Object.assign(document.createElement("script"), { id: "plotly", src: "{PLOTLY}" });
        if (now?.draws === "plane") document.head.append(part);
      })();
    </script>
  </head>
  <body>
    {%app_entry%}
    <footer>
      {%config%}
      {%scripts%}
      {%renderer%}
    </footer>
  </body>
</html>"""


def index(address: Callable[[str], str]) -> str:
    """The page around every page, once all pages are registered.

    Args:
        address: of the module, or of Plotly, at a path within the assets.
    """
    return INDEX.replace("{HEAD}", head(address)).replace("{PLOTLY}", address(FLAT))


THEME = {
    "primaryColor": "orange",
    "autoContrast": True,  # dark text on light accents
    "luminanceThreshold": 0.18,
    "fontFamily": "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "defaultRadius": "md",
}


def _read_only_sign() -> list[html.Span]:
    """Says that nothing can be changed here, where that is so."""
    if not read_only():
        return []
    return [html.Span("read-only", className="read-only", title=SENTENCE.capitalize() + ".")]


def shell() -> dmc.MantineProvider:
    """Header, navigation and the container of the pages."""
    names = {row.path: name for name, row in PAGES.items()}
    links = [
        dcc.Link(page["name"], id=f"nav-{names[page['path']]}", href=page["path"], className="nav-link")
        for page in dash.page_registry.values()
        if page.get("order") is not None
    ]
    return dmc.MantineProvider(
        id="provider",
        theme=THEME,
        children=[
            dcc.Store(id="theme", data="auto"),
            html.A("Skip to the panels", href="#panels", className="skip-link"),
            html.Header(
                className="top-bar",
                children=[
                    html.Div(
                        className="brand",
                        children=[html.Span(className="brand-mark", **{"aria-hidden": "true"}), html.H1("Loptscope")],
                    ),
                    html.Span("a microscope for learned optimizers", className="tagline"),
                    *_read_only_sign(),
                    html.Nav(links, className="nav", **{"aria-label": "Pages"}),
                    html.Button(
                        "Tour",
                        id="tour-button",
                        type="button",
                        className="bar-button",
                        title="A five-step tour of Explore",
                    ),
                    html.Button(
                        "?",
                        id="help-button",
                        type="button",
                        className="bar-button round",
                        title="Keyboard shortcuts (?)",
                        **{"aria-label": "Keyboard shortcuts", "aria-haspopup": "dialog"},
                    ),
                    dmc.ActionIcon(
                        icon("theme"),
                        id="theme-toggle",
                        variant="subtle",
                        color="gray",
                        size="lg",
                        **{"aria-label": "Switch between light and dark"},
                    ),
                ],
            ),
            dash.page_container,
        ],
    )


clientside_callback(
    ClientsideFunction("shell", "setTheme"),
    Output("provider", "forceColorScheme"),
    Output("theme", "data"),
    Input("theme-toggle", "n_clicks"),
    State("theme", "data"),
)
