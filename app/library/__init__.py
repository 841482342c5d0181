"""The Library page's own parts."""
