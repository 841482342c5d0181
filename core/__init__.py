"""The numerical side of Loptscope: tasks, optimizers, outer training, instruments and the files they live in."""

__version__ = "0.1.0"
