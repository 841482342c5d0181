"""Explore: one optimizer on one problem, step by step."""
