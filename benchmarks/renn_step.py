"""One outer step of renn 0.1.0 at a time, for comparison; runs in a separate environment with JAX.

For every line on stdin it takes one outer step and prints its seconds; the first one compiles. The setting is that of renn's
notebook: a GRU of 64 units, quadratics of 5 parameters, 64 problems, 200 inner steps, the gradient through everything with
its default rematerialization, Adam.
"""

import functools
import sys
import time

import jax
import jax.example_libraries.optimizers

from benchmarks.renn_import import metaopt, renn


def main(units: int, problems: int, steps: int) -> None:
    """Answer every line with the seconds of one outer step."""
    key = jax.random.PRNGKey(0)
    quadratics = metaopt.tasks.quad(5, -3, 0)
    theta, optimizer = metaopt.models.cwrnn(key, renn.GRU(units), input_scale="raw", output_scale=1.0)
    objective = metaopt.build_metaobj(quadratics, optimizer, num_inner_steps=steps)
    adam = jax.example_libraries.optimizers.adam(3e-3)
    state = adam[0](theta)

    def mean(theta, keys):  # type: ignore[no-untyped-def]
        return jax.vmap(objective, in_axes=(None, 0))(theta, keys)[0].mean()

    @jax.jit
    def outer_step(number, state):  # type: ignore[no-untyped-def]
        keys = jax.random.split(jax.random.fold_in(key, number), problems)
        loss, gradient = jax.value_and_grad(mean)(adam[2](state), keys)
        clipped = jax.tree_util.tree_map(functools.partial(metaopt.clip, value=5.0), gradient)
        return loss, adam[1](number, clipped, state)

    for number, _ in enumerate(sys.stdin):
        began = time.perf_counter()
        loss, state = jax.block_until_ready(outer_step(number, state))
        print(time.perf_counter() - began, float(loss), flush=True)


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
