"""renn 0.1.0's search for fixed points, for comparison; runs in a separate environment with JAX.

Its notebook's recipe: Adam at 0.01 on the mean speed of all states, 1000 steps. It is given our GRU's step (reset gate after the
recurrent product) as a JAX function, for its own applies the gate before. For every line on stdin it searches once and prints,
as JSON, its seconds, those of the same call with one step (what it compiles), and speeds before and after.
"""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.example_libraries.optimizers
import jax.numpy as jnp
import numpy as np

from benchmarks.renn_import import renn


def batch_apply(theta, gradients, h):  # type: ignore[no-untyped-def]
    """h' of states [n, units] and gradients [n, 1]."""
    ri, ui, ni = jnp.split(gradients @ theta["weight_ih"].T + theta["bias_ih"], 3, axis=1)
    rh, uh, nh = jnp.split(h @ theta["weight_hh"].T + theta["bias_hh"], 3, axis=1)
    reset, keep = jax.nn.sigmoid(ri + rh), jax.nn.sigmoid(ui + uh)
    candidate = jnp.tanh(ni + reset * nh)
    return candidate + keep * (h - candidate)


def main(given: Path) -> None:
    """Answer every line."""
    arrays = {name: jnp.asarray(array) for name, array in np.load(given).items()}
    starts = arrays.pop("starts")
    speeds = renn.build_fixed_point_loss(SimpleNamespace(batch_apply=batch_apply), arrays)
    zero = jnp.zeros((len(starts), 1))
    adam = jax.example_libraries.optimizers.adam(0.01)

    def search(steps: int) -> tuple[float, list[float]]:
        began = time.perf_counter()
        points = renn.find_fixed_points(speeds, starts, zero, adam, -np.inf, range(steps))
        return time.perf_counter() - began, np.asarray(points[2]).tolist()

    before = np.asarray(speeds(starts, zero)).tolist()
    for _ in sys.stdin:
        compiling, _ = search(1)
        seconds, after = search(1000)
        print(json.dumps({"seconds": seconds, "compiling": compiling, "before": before, "after": after}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
