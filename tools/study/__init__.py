"""A study of estimators of the outer gradient: which is stable, which biased, which fast (docs/outer-training.md)."""
