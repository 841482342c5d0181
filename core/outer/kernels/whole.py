"""A whole unroll in one call, and its backward pass: no interpreter between two steps, so threads run in parallel.

For problems that `core.outer.kernels.small` knows and cells whose weights say by their type whose they are.
"""

from numba.extending import overload

from core.outer.kernels import gru, gru_reset_before, lstm, vanilla
from core.outer.kernels.elementary import kernel
from core.outer.kernels.shared import clip, read_out, read_out_backward
from core.outer.kernels.small import add_hessian_product, features, pull, value_and_gradient

CELLS = {  # their names must differ: they identify compiled code
    gru.GRUWeights: gru,
    gru_reset_before.GRUBeforeWeights: gru_reset_before,
    lstm.LSTMWeights: lstm,
    vanilla.VanillaWeights: vanilla,
}


def _forward(weights, state, z, following, tape, scratch):  # type: ignore[no-untyped-def]
    """One step of the weights' own cell, in compiled code."""
    raise NotImplementedError


def _backward(weights, state, following, z, tape, adjoint, dz, totals, scratch, spare):  # type: ignore[no-untyped-def]
    """Its backward pass, in compiled code."""
    raise NotImplementedError


@overload(_forward)
def _forward_of(weights, state, z, following, tape, scratch):  # type: ignore[no-untyped-def]
    step = CELLS[weights.instance_class].forward

    def run(weights, state, z, following, tape, scratch):  # type: ignore[no-untyped-def]
        step(weights, state, z, following, tape, scratch)

    return run


@overload(_backward)
def _backward_of(weights, state, following, z, tape, adjoint, dz, totals, scratch, spare):  # type: ignore[no-untyped-def]
    step = CELLS[weights.instance_class].backward

    def run(weights, state, following, z, tape, adjoint, dz, totals, scratch, spare):  # type: ignore[no-untyped-def]
        step(weights, state, following, z, tape, adjoint, dz, totals, scratch, spare)

    return run


@kernel
def forward(weights, readout, scale, task, seen, xs, gradients, losses, inputs, states, tapes, scratch):  # type: ignore[no-untyped-def]
    """T steps from xs[0] and states[0]; writes everything else.

    Shapes: xs and gradients [T + 1, problems, d], losses [T + 1, problems], inputs [T, n, inputs], states [T + 1, vectors, n, units],
    tapes [T, TAPE, n, units]; readout (w [units], c [1]), scale [1], task (kind, H, m), seen (feature map, its scale).
    """
    kind, hessian, minimum = task
    feature_map, feature_scale = seen
    steps, n = inputs.shape[0], inputs.shape[1]
    for k in range(steps + 1):
        value_and_gradient(kind, hessian, minimum, xs[k], losses[k], gradients[k])
        if k < steps:
            features(feature_map, feature_scale, gradients[k].reshape(n), inputs[k])
            _forward(weights, states[k], inputs[k], states[k + 1], tapes[k], scratch)
            read_out(states[k + 1, 0], readout[0], readout[1], scale, xs[k].reshape(n), xs[k + 1].reshape(n))


@kernel
def backward(  # type: ignore[no-untyped-def]
    weights,
    readout,
    scale,
    task,
    seen,
    clipping,
    clip_at,
    loss_weights,
    xs,
    gradients,
    inputs,
    states,
    tapes,
    adjoint_x,
    adjoint_h,
    pulled,
    dz,
    totals,
    t_weight,
    t_bias,
    scratch,
    spare,
):
    """The backward pass of `forward`: totals (float64) and adjoint_h [vectors, n, units] hold the gradient at the end.

    Args as there, and: clipping (whether) and clip_at (largest norm), loss_weights [T + 1, problems], adjoint_x (of xs[T] before,
    of xs[0] afterwards) and pulled [problems, d], dz [n, inputs].
    """
    kind, hessian, _ = task
    feature_map, feature_scale = seen
    steps, n = inputs.shape[0], inputs.shape[1]
    problems, d = adjoint_x.shape
    for k in range(steps - 1, -1, -1):
        if clipping:
            clip(adjoint_x.reshape(1, n, 1), problems, clip_at)
            clip(adjoint_h, problems, clip_at)
        flat = adjoint_x.reshape(n)
        read_out_backward(states[k + 1, 0], readout[0], scale, flat, adjoint_h[0], t_weight, t_bias)
        _backward(weights, states[k], states[k + 1], inputs[k], tapes[k], adjoint_h, dz, totals, scratch, spare)
        pull(feature_map, feature_scale, gradients[k].reshape(n), dz, pulled.reshape(n))
        for p in range(problems):
            for i in range(d):
                adjoint_x[p, i] += loss_weights[k, p] * gradients[k, p, i]
        add_hessian_product(kind, hessian, xs[k], pulled, adjoint_x)
