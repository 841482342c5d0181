"""The timeline: controls to play, pause, step and scrub through the inner steps."""

import dash_mantine_components as dmc
from dash import html

from app.pages.explore.controls import speed_options
from app.pages.explore.recorded.view import RecordedView
from app.pages.explore.view import View
from app.shared.icons import icon


def timeline(view: View | RecordedView) -> html.Div:
    """The bar at the bottom of a page; the browser's player fills in the slider and keeps it up to date."""

    def button(name: str, label: str, *icons: str) -> html.Button:
        return html.Button([icon(i) for i in icons], id=name, title=label, **{"aria-label": label}, className="player")

    return html.Div(
        className="timeline",
        role="group",
        **{"aria-label": "Inner step"},
        children=[
            button("step-back", "One step back (left arrow)", "back"),
            button("play", "Play (space)", "play", "pause"),
            button("step-forward", "One step forward (right arrow)", "forward"),
            html.Span("inner step", className="label"),
            html.Div(id="inner-step-slot", className="slot", **{"data-step": str(view.step)}),
            html.Output(id="step-readout", className="value"),
            dmc.Select(
                id="speed",
                data=speed_options(),
                value=str(view.speed),
                allowDeselect=False,
                size="xs",
                w=118,
                comboboxProps={"position": "top"},
                **{"aria-label": "Playback speed"},
            ),
        ],
    )
