"""Outer trainings on disk, shipped or the user's own: settings, snapshots, results."""
