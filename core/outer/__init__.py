"""Outer (meta) training: the meta-loss, its gradient, and the loop that follows it."""
