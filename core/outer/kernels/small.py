"""Tasks and feature maps in compiled code, so that a whole unroll of small problems is one call.

Quadratics: f(x) = ½ (x − m)ᵀ H (x − m), with H [problems, d, d] and m [problems, d]. Rosenbrock: no arrays. All functions take the kind
first; x, g, v and out are [problems, d].
"""

import math

import numpy as np

from core.optimizers.features import FINER
from core.outer.kernels.elementary import kernel
from core.tasks.base import Problems
from core.tasks.linear_regression import LinearRegressionProblems
from core.tasks.rosenbrock import RosenbrockProblems

QUADRATIC, ROSENBROCK = 0, 1
RAW, SCALED, LOG_SIGN, SYMLOG, TWO_SCALES = 0, 1, 2, 3, 4
MAPS = {"raw": RAW, "scaled": SCALED, "log_sign": LOG_SIGN, "symlog": SYMLOG, "two_scales": TWO_SCALES}

Known = tuple[int, np.ndarray, np.ndarray]


def known(problems: Problems, dtype: np.dtype) -> Known | None:
    """Kind, H and m of problems with compiled code; None for others."""
    if problems.x0.numpy().dtype != dtype:
        return None
    if isinstance(problems, LinearRegressionProblems):
        return QUADRATIC, problems.hessian.contiguous().numpy(), problems.minimum.contiguous().numpy()
    if isinstance(problems, RosenbrockProblems):
        return ROSENBROCK, np.empty((0, 0, 0), dtype), np.empty((0, 0), dtype)
    return None


@kernel
def value_and_gradient(kind, hessian, minimum, x, losses, g):  # type: ignore[no-untyped-def]
    """f(x) into losses [problems], its gradient into g."""
    problems, d = x.shape
    for p in range(problems):
        if kind == QUADRATIC:
            total = x[p, 0] * 0
            for i in range(d):
                s = total * 0
                for j in range(d):
                    s += hessian[p, i, j] * (x[p, j] - minimum[p, j])
                g[p, i] = s
                total += s * (x[p, i] - minimum[p, i])
            losses[p] = total / 2
        else:
            a, b = x[p, 0], x[p, 1]
            valley, slack = b - a * a, 1 - a
            losses[p] = slack * slack + 100 * valley * valley
            g[p, 0] = -2 * slack - 400 * a * valley
            g[p, 1] = 200 * valley


@kernel
def add_hessian_product(kind, hessian, x, v, out):  # type: ignore[no-untyped-def]
    """out += ∇²f(x) v."""
    problems, d = x.shape
    for p in range(problems):
        if kind == QUADRATIC:
            for i in range(d):
                s = v[p, 0] * 0
                for j in range(d):
                    s += hessian[p, i, j] * v[p, j]
                out[p, i] += s
        else:
            a, b = x[p, 0], x[p, 1]
            mixed = -400 * a
            out[p, 0] += (2 + 1200 * a * a - 400 * b) * v[p, 0] + mixed * v[p, 1]
            out[p, 1] += mixed * v[p, 0] + 200 * v[p, 1]


@kernel
def features(kind, scale, g, z):  # type: ignore[no-untyped-def]
    """The input features of the gradients g [n], into z [n, inputs]."""
    for i in range(len(g)):
        if kind == RAW:
            z[i, 0] = g[i]
        elif kind == SCALED:
            z[i, 0] = scale * g[i]
        elif kind == LOG_SIGN:
            z[i, 0] = math.log1p(scale * abs(g[i]))
            z[i, 1] = np.sign(g[i])
        else:
            z[i, 0] = math.asinh(scale * g[i])
            if kind == TWO_SCALES:
                z[i, 1] = math.asinh(FINER * scale * g[i])


@kernel
def pull(kind, scale, g, dz, out):  # type: ignore[no-untyped-def]
    """The adjoint of the gradients [n] from that of the features dz [n, inputs]."""
    for i in range(len(g)):
        if kind == RAW:
            out[i] = dz[i, 0]
        elif kind == SCALED:
            out[i] = scale * dz[i, 0]
        elif kind == LOG_SIGN:
            out[i] = np.sign(g[i]) * (scale / (1 + scale * abs(g[i]))) * dz[i, 0]
        else:
            t = scale * g[i]
            out[i] = scale / math.sqrt(1 + t * t) * dz[i, 0]
            if kind == TWO_SCALES:
                t *= FINER
                out[i] += FINER * scale / math.sqrt(1 + t * t) * dz[i, 1]
