"""The Guide: its story, its glossary, and the figures that are computed for them."""
