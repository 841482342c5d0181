"""A formula written out: as mathematics, as a few lines of Python, and as a `torch.optim.Optimizer` file."""
