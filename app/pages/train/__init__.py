"""Train: outer training started and watched from the page."""
