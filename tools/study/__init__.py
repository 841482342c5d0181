"""A study of estimators of the outer gradient: which are stable, biased or fast (docs/outer-training.md)."""
