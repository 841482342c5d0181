"""The dashboard: pages, figures and the HTTP interface on top of `core`."""
