"""The dashboard: pages, figures and the HTTP interface on top of `core`."""

from core import plugins

plugins.load_all()  # before any page lists tasks and optimizers
