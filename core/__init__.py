"""The numerical side of Loptscope: tasks, optimizers, outer training, instruments and the files they live in."""

from core.version import __version__

__all__ = ["__version__"]
