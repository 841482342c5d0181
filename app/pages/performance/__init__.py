"""Performance: learned optimizers compared with tuned hand-designed ones."""
