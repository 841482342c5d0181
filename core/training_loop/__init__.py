"""In anybody's training loop: learned optimizers as classes of `torch.optim`, and recordings of a training."""
