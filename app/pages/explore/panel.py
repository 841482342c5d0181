"""A panel: title, legend with live values, a Plotly graph and the canvases drawn under and over it."""

import plotly.graph_objects as go
from dash import dcc, html

from app.shared.style import GRAPH_CONFIG

ABOUT = {
    "loss": ("Loss", "loss of every optimizer on this problem, log scale"),
    "landscape": ("Landscape", "the paths of the optimizers, or the decisions of the classifier being trained"),
    "state": ("State space", "the optimizer's state of each component, in the first two principal components"),
    "update": ("Update function", "the update as a function of the gradient, at this step's state"),
    "gradient": ("Gradients", "density of the gradients so far (filled) and of the whole run (outline)"),
    "rate": ("Effective learning rate", "minus the slope of the update function at gradient zero"),
}


def panel(name: str, title: str, about: str, figure: go.Figure) -> html.Section:
    """One panel of a page.

    Args:
        name: its id is ``NAME-panel``, its graph's ``NAME-graph``.
        title: above the graph.
        about: one sentence for screen readers and the title's tooltip.
        figure: everything that does not move.
    """
    return html.Section(
        id=f"{name}-panel",
        className="panel",
        **{"aria-label": f"{title}: {about}", "data-panel": name, "data-column": "0"},
        children=[
            html.Div(
                className="panel-head",
                children=[
                    html.H2(title, title=about),
                    html.Div(className="readout", **{"data-panel": name, "aria-hidden": "true"}),
                ],
            ),
            html.Div(
                className="plot",
                children=[
                    html.Canvas(className="under", **{"aria-hidden": "true"}),
                    dcc.Graph(
                        id=f"{name}-graph",
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
