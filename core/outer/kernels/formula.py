"""One step of a formula and its backward pass in compiled code, and a whole unroll of small problems as one call.

Rows are the inner parameters of all problems. A formula's schedule is evaluated beforehand: ``at`` [K, 7] holds the fields of `Coefficients`
at every step, ``numbers`` [7] the limit, the average's decay, its scale (or ε), its exponent, the exponent of the memory, and factor and decay of
the agreement. ``kinds`` [6] says which parts there are: clipping, momenta, limit, adaptation, adaptive memory, agreement. A tape [K + 1, 8, n]
holds v, w, s, q and q₊ *before* step k in its first five rows and φ(g), the update before adaptation, and a(s) e^(λr) of step k in the others.
"""

import math

import numpy as np

from core.optimizers.formula.structure import TINY
from core.outer.kernels.elementary import kernel
from core.outer.kernels.shared import clip
from core.outer.kernels.small import add_hessian_product, value_and_gradient

NONE, TANH, SYMLOG, CLAMP, SIGN = 0, 1, 2, 3, 4
POWER, ROOT = 1, 2
TAPE, STATES, COEFFICIENTS, NUMBERS, PARTS = 8, 5, 7, 7, 6


@kernel
def step(k, at, numbers, kinds, g, tape, x, x_next):  # type: ignore[no-untyped-def]
    """Step k of n rows: writes the tape of step k, the state after it, and x_next = x + u; g, x and x_next [n]."""
    first, second, direct, memory, second_memory, correction, threshold = at[k]
    limit, averaging, scale, exponent, forgetting, boost, decay = numbers
    kept = memory
    for i in range(len(g)):
        y = g[i]
        if kinds[0] == TANH:
            y = threshold * math.tanh(g[i] / threshold)
        elif kinds[0] == SYMLOG:
            y = threshold * math.asinh(g[i] / threshold)
        elif kinds[0] == CLAMP:
            y = min(max(g[i], -threshold), threshold)
        elif kinds[0] == SIGN:
            y = np.sign(g[i])
        s = averaging * tape[k, 2, i] + (1 - averaging) * g[i] * g[i]
        growth = math.log1p(correction * s / (scale * scale)) if kinds[4] or kinds[3] == POWER else 0.0
        if kinds[4]:
            kept = memory / (memory + (1 - memory) * math.exp(forgetting * growth))
        v = kept * tape[k, 0, i] + (1 - kept) * y
        v2 = second_memory * tape[k, 1, i] + (1 - second_memory) * y
        w = (first + direct) * y if kinds[1] == 0 else first * v + second * v2 + direct * y
        if kinds[2]:
            w = limit * math.tanh(w / limit)
        a = 1.0
        if kinds[3] == POWER:
            a = math.exp(-exponent * growth)
        elif kinds[3] == ROOT:
            a = 1 / (math.sqrt(correction * s) + scale)
        if kinds[5]:
            product = tape[k, 0, i] * y
            tape[k + 1, 3, i] = decay * tape[k, 3, i] + (1 - decay) * product
            tape[k + 1, 4, i] = decay * tape[k, 4, i] + (1 - decay) * abs(product)
            a *= math.exp(boost * tape[k + 1, 3, i] / (tape[k + 1, 4, i] + TINY))
        tape[k + 1, 0, i] = v
        tape[k + 1, 1, i] = v2
        tape[k + 1, 2, i] = s
        tape[k, 5, i] = y
        tape[k, 6, i] = w
        tape[k, 7, i] = a
        x_next[i] = x[i] - a * w


@kernel
def step_back(k, at, numbers, kinds, g, tape, adjoint_x, adjoint, pulled, d_at, d_numbers):  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915 - each part has its branch
    """The backward pass of step k.

    ``adjoint_x`` [n] is that of x_next and stays; ``adjoint`` [5, n] is that of (v, w, s, q, q₊), replaced by the one before the step; ``pulled`` [n]
    becomes that of the gradient; ``d_at`` [K, 7] and ``d_numbers`` [7] are added to.
    """
    first, second, direct, memory, second_memory, correction, threshold = at[k]
    limit, averaging, scale, exponent, forgetting, boost, decay = numbers
    kept = memory
    for i in range(len(g)):
        y, z, a = tape[k, 5, i], tape[k, 6, i], tape[k, 7, i]
        s = tape[k + 1, 2, i]
        d_w, d_a = -a * adjoint_x[i], -z * adjoint_x[i]
        if kinds[2]:
            t = z / limit
            slope = max(1 - t * t, 0.0)
            w_over = 0.5 * math.log((1 + t) / (1 - t)) if abs(t) < 1 else 0.0
            d_numbers[0] += d_w * (t - w_over * slope)
            d_w *= slope
        d_s = adjoint[2, i]
        inner = 1 + correction * s / (scale * scale)
        growth = math.log(inner) if kinds[4] or kinds[3] == POWER else 0.0
        if kinds[3] == POWER:
            d_numbers[3] -= d_a * a * growth
            d_inner = -d_a * exponent * a / inner
            d_s += d_inner * correction / (scale * scale)
            d_numbers[2] -= 2 * d_inner * correction * s / (scale * scale * scale)
            d_at[k, 5] += d_inner * s / (scale * scale)
        elif kinds[3] == ROOT:
            d_root = (
                -d_a * a * a / (math.exp(boost * tape[k + 1, 3, i] / (tape[k + 1, 4, i] + TINY)) if kinds[5] else 1.0)
            )
            d_numbers[2] += d_root
            r = math.sqrt(correction * s)
            if r > 0:
                d_s += d_root * correction / (2 * r)
                d_at[k, 5] += d_root * s / (2 * r)
        d_y = d_w * direct
        if kinds[1] == 0:
            d_y += d_w * first
            d_at[k, 0] += d_w * y
            d_at[k, 2] += d_w * y
            adjoint[0, i] = 0.0
            adjoint[1, i] = 0.0
        else:
            d_v, d_v2 = adjoint[0, i] + d_w * first, adjoint[1, i] + d_w * second
            d_at[k, 0] += d_w * tape[k + 1, 0, i]
            d_at[k, 1] += d_w * tape[k + 1, 1, i]
            d_at[k, 2] += d_w * y
            d_kept = d_v * (tape[k, 0, i] - y)
            if kinds[4]:
                kept = memory / (memory + (1 - memory) * inner**forgetting)
                d_at[k, 3] += d_kept * kept * (1 - kept) / (memory * (1 - memory))
                d_logit = d_kept * kept * (1 - kept)
                d_numbers[4] -= d_logit * growth
                d_inner = -d_logit * forgetting / inner
                d_s += d_inner * correction / (scale * scale)
                d_numbers[2] -= 2 * d_inner * correction * s / (scale * scale * scale)
                d_at[k, 5] += d_inner * s / (scale * scale)
            else:
                d_at[k, 3] += d_kept
            d_at[k, 4] += d_v2 * (tape[k, 1, i] - y)
            d_y += d_v * (1 - kept) + d_v2 * (1 - second_memory)
            adjoint[0, i] = kept * d_v
            adjoint[1, i] = second_memory * d_v2
        if kinds[5]:
            product, size = tape[k, 0, i] * y, tape[k + 1, 4, i] + TINY
            r = tape[k + 1, 3, i] / size
            d_numbers[5] += d_a * a * r
            d_r = d_a * a * boost / size
            d_signed, d_size = adjoint[3, i] + d_r, adjoint[4, i] - d_r * r
            d_numbers[6] += d_signed * (tape[k, 3, i] - product) + d_size * (tape[k, 4, i] - abs(product))
            adjoint[3, i], adjoint[4, i] = decay * d_signed, decay * d_size
            d_product = (1 - decay) * (d_signed + np.sign(product) * d_size)
            d_y += d_product * tape[k, 0, i]
            adjoint[0, i] += d_product * y
        d_numbers[1] += d_s * (tape[k, 2, i] - g[i] * g[i])
        adjoint[2, i] = averaging * d_s
        d_g = 2 * (1 - averaging) * g[i] * d_s
        if kinds[0] == NONE:
            d_g += d_y
        elif kinds[0] == TANH:
            t = y / threshold
            d_g += d_y * (1 - t * t)
            d_at[k, 6] += d_y * (t - g[i] / threshold * (1 - t * t))
        elif kinds[0] == SYMLOG:
            r = g[i] / threshold
            slope = 1 / math.sqrt(1 + r * r)
            d_g += d_y * slope
            d_at[k, 6] += d_y * (y / threshold - r * slope)
        elif kinds[0] == CLAMP:
            if abs(g[i]) < threshold:
                d_g += d_y
            else:
                d_at[k, 6] += d_y * np.sign(g[i])
        pulled[i] = d_g


@kernel
def clip_each(adjoint, problems, largest):  # type: ignore[no-untyped-def]
    """Rescale each problem's adjoints of each state, [states, n], to a norm of at most ``largest``: states have different units."""
    states, n = adjoint.shape
    for j in range(states):
        clip(adjoint[j].reshape(1, n, 1), problems, largest)


@kernel
def unroll(task, at, numbers, kinds, xs, gradients, losses, tape):  # type: ignore[no-untyped-def]
    """K steps from xs[0] and the state in tape[0]; xs and gradients [K + 1, problems, d], losses [K + 1, problems]."""
    kind, hessian, minimum = task
    steps, n = len(at), xs.shape[1] * xs.shape[2]
    for k in range(steps + 1):
        value_and_gradient(kind, hessian, minimum, xs[k], losses[k], gradients[k])
        if k < steps:
            step(k, at, numbers, kinds, gradients[k].reshape(n), tape, xs[k].reshape(n), xs[k + 1].reshape(n))


@kernel
def unroll_back(  # type: ignore[no-untyped-def]
    task,
    at,
    numbers,
    kinds,
    clipping,
    clip_at,
    loss_weights,
    xs,
    gradients,
    tape,
    adjoint_x,
    adjoint,
    pulled,
    d_at,
    d_numbers,
):
    """The backward pass of `unroll`, with every problem's adjoints clipped at every step; adjoint_x and pulled [problems, d]."""
    kind, hessian, _ = task
    steps, problems, d = len(at), xs.shape[1], xs.shape[2]
    n = problems * d
    for p in range(problems):
        for i in range(d):
            adjoint_x[p, i] = loss_weights[steps, p] * gradients[steps, p, i]
    for k in range(steps - 1, -1, -1):
        if clipping:
            clip(adjoint_x.reshape(1, n, 1), problems, clip_at)
            clip_each(adjoint, problems, clip_at)
        step_back(
            k,
            at,
            numbers,
            kinds,
            gradients[k].reshape(n),
            tape,
            adjoint_x.reshape(n),
            adjoint,
            pulled.reshape(n),
            d_at,
            d_numbers,
        )
        for p in range(problems):
            for i in range(d):
                adjoint_x[p, i] += loss_weights[k, p] * gradients[k, p, i]
        add_hessian_product(kind, hessian, xs[k], pulled, adjoint_x)


@kernel
def respond(at, numbers, kinds, gradients, tape, x, updates):  # type: ignore[no-untyped-def]
    """The updates [K, n] of a formula that is fed given gradients [K, n]; x [2, n] is working memory."""
    steps, n = gradients.shape
    for k in range(steps):
        for i in range(n):
            x[0, i] = 0.0
        step(k, at, numbers, kinds, gradients[k], tape, x[0], x[1])
        for i in range(n):
            updates[k, i] = x[1, i]
