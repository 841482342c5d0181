"""Evaluation of optimizers on held-out problems and out of distribution."""
