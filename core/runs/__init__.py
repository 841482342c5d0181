"""Outer trainings on disk: settings, snapshots, results; shipped or one's own."""
