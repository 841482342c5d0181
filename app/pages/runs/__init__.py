"""Runs: several outer trainings, compared."""
