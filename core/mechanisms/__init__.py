"""The arrays behind the views of the four mechanisms: one optimizer on one task, a bundle a view."""
