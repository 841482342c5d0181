"""A Dash app with one graph and nothing else, the peer of the first view: ``python -m benchmarks.bare_dash PORT``."""

import sys

import dash
import plotly.graph_objects as go
from dash import Dash, dcc, html
from flask import Flask
from gunicorn.app.base import BaseApplication


def server() -> Flask:
    """The app, served as the dashboard is."""
    app = Dash(__name__, serve_locally=True)
    app.layout = html.Div(dcc.Graph(id="graph", figure=go.Figure(go.Scatter(x=[0, 1, 2], y=[1, 3, 2]))))
    application: Flask = app.server
    application.add_url_rule("/healthz", view_func=lambda: {"dash": dash.__version__})
    return application


class Served(BaseApplication):  # type: ignore[misc]
    """Gunicorn with the dashboard's settings.

    Args:
        port: on this machine.
    """

    def __init__(self, port: int):
        self.port = port
        super().__init__()

    def load_config(self) -> None:
        settings = {"bind": f"127.0.0.1:{self.port}", "workers": 1, "threads": 8, "worker_class": "gthread"}
        for name, value in {**settings, "loglevel": "warning"}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return server()


if __name__ == "__main__":
    Served(int(sys.argv[1])).run()
