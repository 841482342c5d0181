"""Mechanisms: what an optimizer does, one mechanism at a time."""
