"""A panel: title, legend with live values, a Plotly graph and the canvases drawn under and over it."""

import plotly.graph_objects as go
from dash import dcc, html

from app.pages.explore.panels import Panel
from app.shared.style import GRAPH_CONFIG


def section(panel: Panel, figure: go.Figure) -> html.Section:
    """One panel of a page.

    Args:
        panel: its id is ``NAME-panel``, its graph's ``NAME-graph``.
        figure: everything that does not move.
    """
    return html.Section(
        id=f"{panel.name}-panel",
        className="panel",
        **{"aria-label": f"{panel.title}: {panel.about}", "data-panel": panel.name, "data-column": "0"},
        children=[
            html.Div(
                className="panel-head",
                children=[
                    html.H2(panel.title, title=panel.about),
                    html.Div(className="readout", **{"data-panel": panel.name, "aria-hidden": "true"}),
                    *([html.P(panel.note, className="panel-note")] if panel.note else []),
                ],
            ),
            html.Div(
                className="plot",
                children=[
                    html.Canvas(className="under", **{"aria-hidden": "true"}),
                    dcc.Graph(
                        id=f"{panel.name}-graph",
                        figure=figure,
                        config=GRAPH_CONFIG,
                        responsive=True,
                        className="graph",
                    ),
                    html.Canvas(className="over", **{"aria-hidden": "true"}),
                ],
            ),
        ],
    )
