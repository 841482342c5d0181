"""The version of this program: written into every run, shown by `loptscope --version`."""

__version__ = "0.1.0"
