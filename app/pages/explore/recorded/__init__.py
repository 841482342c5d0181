"""Recordings on the Explore page: a training of the user's own, on the same panels and timeline as a run on a task."""
