"""How well optimizers do on held-out problems, and beyond what they were trained on."""
