"""The layout of a recording's view, and its callbacks."""

import time
from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, callback, dcc, html, no_update

from app.pages.explore.controls import copy_link, panel_switches
from app.pages.explore.panel import section
from app.pages.explore.recorded.draw import RECORDED_PANELS, detail_of, draw_recording, title_of
from app.pages.explore.recorded.view import WINDOWS, RecordedView, labels, parse
from app.pages.explore.timeline import timeline
from app.shared.parts import sentences
from core.errors import InputError
from core.training_loop.recording import Recording, open_recording, recorded


def layout(query: dict[str, str], scheme: str) -> html.Main:
    """The page for one link to a recording."""
    view, wrong = parse(query)
    try:
        drawn = draw_recording(view, scheme)
    except InputError as error:
        return html.Main(html.Div(sentences([*wrong, str(error)]), className="notice", role="alert"), className="lone")
    panels = [section(panel, drawn.figures[name]) for name, panel in RECORDED_PANELS.items()]
    return html.Main(
        className="explore",
        children=[
            dcc.Store(id="view", data=drawn.description),
            dcc.Location(id="recorded-go", refresh=True),
            dcc.Store(id="recorded-theme", data=view.theme),
            _controls(view),
            html.Div(
                className="stage",
                children=[
                    html.Div(sentences(wrong), id="link-notice", className="notice", role="alert"),
                    html.Div(sentences(drawn.notices), id="notice", className="notice", role="status"),
                    html.Div(
                        id="board",
                        className="board",
                        children=[
                            html.Div(panels, id="panels", className="panels", tabIndex=-1),
                            html.Div(id="beside", className="beside"),
                        ],
                    ),
                ],
            ),
            timeline(view),
        ],
    )


def _options() -> list[dict[str, str]]:
    """Entries of the menu of recordings; what cannot be read is listed in the Library."""
    found = []
    for path in recorded():
        try:
            found.append({"value": path.name, "label": title_of(Recording(path))})
        except InputError:
            continue
    return found


def _controls(view: RecordedView) -> html.Aside:
    return html.Aside(
        className="controls",
        **{"aria-label": "Controls"},
        children=[
            dmc.Select(
                id="recorded-name",
                label="Recording",
                data=_options(),
                value=view.recording,
                allowDeselect=False,
                size="xs",
            ),
            html.P(detail_of(open_recording(view.recording)), className="hint"),
            html.Div(
                [
                    html.Span("Steps", className="label"),
                    dmc.SegmentedControl(
                        id="recorded-window",
                        data=[{"value": value, "label": label} for value, label in WINDOWS.items()],
                        value=view.window,
                        size="xs",
                        fullWidth=True,
                        **{"aria-label": "Steps"},
                    ),
                ]
            ),
            dmc.MultiSelect(
                id="recorded-components",
                label="Components (parameters of the model)",
                data=[{"value": str(i), "label": label} for i, label in enumerate(labels(view.recording))],
                value=[str(i) for i in view.components],
                size="xs",
                clearable=False,
                hidePickedOptions=False,
                comboboxProps={"position": "top"},
            ),
            html.Div(
                [
                    html.Span("Gradient axis", className="label"),
                    dmc.SegmentedControl(
                        id="recorded-axis",
                        data=[{"value": name, "label": name} for name in ("linear", "symlog")],
                        value=view.axis,
                        size="xs",
                        fullWidth=True,
                        **{"aria-label": "Gradient axis"},
                    ),
                ]
            ),
            panel_switches(view.panels),
            html.Div(copy_link(), className="share", role="group", **{"aria-label": "Share this view"}),
            dcc.Link("Back to the tasks", href="/", refresh=True, className="hint"),
        ],
    )


@callback(Output("recorded-go", "href"), Input("recorded-name", "value"), prevent_initial_call=True)
def on_recording(name: str) -> str:
    """Open another recording."""
    return f"/?recording={name}"


@callback(Output("recorded-theme", "data"), Input("theme", "data"), prevent_initial_call=True)
def on_theme(theme: str) -> str:
    """Where no recording is shown, a switch of the theme must not ask for a recording's controls: Dash would stop with an error."""
    return theme


@callback(
    *[Output(f"{name}-graph", "figure", allow_duplicate=True) for name in RECORDED_PANELS],
    Output("view", "data", allow_duplicate=True),
    Output("notice", "children", allow_duplicate=True),
    inputs={
        "window": Input("recorded-window", "value"),
        "components": Input("recorded-components", "value"),
        "axis": Input("recorded-axis", "value"),
        "theme": Input("recorded-theme", "data"),
        "name": State("recorded-name", "value"),
        "scheme": State("provider", "forceColorScheme"),
    },
    prevent_initial_call=True,
)
def on_recorded_view(
    window: str, components: list[str], axis: str, theme: str, name: str, scheme: str | None
) -> tuple[Any, ...]:
    """Draw the view for the current values of the controls."""
    query = {"recording": name, "window": window, "axis": axis, "theme": theme}
    try:
        if not components:
            raise InputError("choose at least one component")
        view, wrong = parse({**query, "components": ",".join(str(int(i) + 1) for i in components)})
        if wrong:
            raise InputError(wrong[0])
        drawn = draw_recording(view, scheme or "")
    except InputError as error:
        return (*[no_update] * len(RECORDED_PANELS), no_update, sentences([str(error)]))
    return (*drawn.figures.values(), {**drawn.description, "drawn": time.monotonic()}, sentences(drawn.notices))
