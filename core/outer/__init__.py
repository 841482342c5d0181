"""Outer (meta) training: the gradient of the meta-loss, and the training loop."""
