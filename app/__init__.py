"""The dashboard: pages, figures and HTTP routes on top of `core`."""

from core import plugins

plugins.load_all()  # before any page lists tasks and optimizers
