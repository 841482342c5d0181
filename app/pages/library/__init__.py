"""Library: the optimizers that ship and those of one's own."""
