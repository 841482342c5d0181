"""A Dash app with one graph and nothing else, the peer of the first view: ``python -m benchmarks.bare_dash PORT``."""

import sys

import dash
import plotly.graph_objects as go
from dash import Dash, dcc, html
from flask import Flask
from waitress import serve


def server() -> Flask:
    """The app, served as the dashboard is."""
    app = Dash(__name__, serve_locally=True)
    app.layout = html.Div(dcc.Graph(id="graph", figure=go.Figure(go.Scatter(x=[0, 1, 2], y=[1, 3, 2]))))
    application: Flask = app.server
    application.add_url_rule("/healthz", view_func=lambda: {"dash": dash.__version__})
    return application


if __name__ == "__main__":
    serve(server(), host="127.0.0.1", port=int(sys.argv[1]), threads=8)
