"""Baselines: hand-designed optimizers tuned by random search."""
