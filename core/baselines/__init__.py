"""Hand-designed optimizers tuned by random search, for comparison."""
