"""The figures of the Performance page."""
