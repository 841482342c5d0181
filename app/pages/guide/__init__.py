"""Guide: from momentum to learned optimizers in nine chapters."""
