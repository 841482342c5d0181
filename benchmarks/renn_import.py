"""Imports renn 0.1.0 in a separate environment with a current JAX.

renn was written for a JAX of 2021: three of its imports are pointed at where those things are today, and its data module (which
needs TensorFlow, and is not used) is left out.
"""

import sys
import types

import jax
import jax.example_libraries.optimizers
import jax.example_libraries.stax
import jax.experimental

for _name in ("optimizers", "stax"):
    _module = getattr(jax.example_libraries, _name)
    sys.modules[f"jax.experimental.{_name}"] = _module
    setattr(jax.experimental, _name, _module)
for _name in ("map", "leaves", "flatten", "unflatten"):
    setattr(jax, f"tree_{_name}", getattr(jax.tree_util, f"tree_{_name}"))
sys.modules["renn.data"] = types.ModuleType("renn.data")

import renn  # noqa: E402 - after its imports have been pointed right
from renn import metaopt  # noqa: E402

__all__ = ["metaopt", "renn"]
