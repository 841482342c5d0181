"""tanh and the logistic function, compiled: fast in single precision, the library's in double.

In single precision neither has a branch or a call, so that LLVM vectorizes the loops around them. tanh is Eigen's rational
approximation (odd degree 13 over even degree 6 on [−7.905, 7.905], constant beyond), absolute error below 3e-7. The logistic
function is 1 / (1 + exp(−x)) with the exponential of Cephes (a polynomial of degree 6 times a power of two made from its bits), so
that its tails keep a relative error below 1e-6: the derivative of a closed gate hangs on them.
"""

import math
from collections.abc import Callable

import numba
import numpy as np
from numba.extending import intrinsic, overload

F = np.float32
BOUND, HALF = F(7.90531110763549805), F(0.5)
O0, O1, O2, O3, O4, O5, O6 = (
    F(-2.76076847742355e-16),
    F(2.00018790482477e-13),
    F(-8.60467152213735e-11),
    F(5.12229709037114e-08),
    F(1.48572235717979e-05),
    F(6.37261928875436e-04),
    F(4.89352455891786e-03),
)
E0, E1, E2, E3 = F(1.19825839466702e-06), F(1.18534705686654e-04), F(2.26843463243900e-03), F(4.89352518554385e-03)

TO_POWER, LN2, BIAS, LOWEST, HIGHEST = F(1.4426950408889634), F(0.6931471805599453), F(127), F(-87), F(88)
P0, P1, P2, P3, P4, P5 = (
    F(1.9875691500e-4),
    F(1.3981999507e-3),
    F(8.3334519073e-3),
    F(4.1665795894e-2),
    F(1.6666665459e-1),
    F(5.0000001201e-1),
)
ONE = F(1)

FREEDOMS = {"reassoc", "contract", "arcp", "nsz"}  # sums may be vectorized; non-finite numbers are preserved


def kernel(function: Callable[..., None]) -> Callable[..., None]:
    """Compile at the first call, cached on disk, without the interpreter's lock, so that threads run in parallel."""
    return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FREEDOMS)(function)


def tanh(x):  # type: ignore[no-untyped-def]
    """tanh x, in compiled code."""
    return math.tanh(x)


def sigmoid(x):  # type: ignore[no-untyped-def]
    """1 / (1 + exp(−x)), in compiled code."""
    return 1 / (1 + math.exp(-x))


@intrinsic
def _float_of_bits(typing, bits):  # type: ignore[no-untyped-def]
    """The float32 with these 32 bits."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        word = builder.trunc(arguments[0], context.get_value_type(numba.int32))
        return builder.bitcast(word, context.get_value_type(numba.float32))

    return numba.float32(numba.int64), build


@overload(tanh)
def _tanh(x):  # type: ignore[no-untyped-def]
    if x != numba.float32:
        return lambda x: math.tanh(x)  # noqa: PLW0108 - numba compiles a lambda, not a builtin

    def rational(x):  # type: ignore[no-untyped-def]
        below = min(x, BOUND)  # this form preserves NaN
        y = max(below, -BOUND)
        s = y * y
        odd = (((((O0 * s + O1) * s + O2) * s + O3) * s + O4) * s + O5) * s + O6
        return y * odd / (((E0 * s + E1) * s + E2) * s + E3)

    return rational


@overload(sigmoid)
def _sigmoid(x):  # type: ignore[no-untyped-def]
    if x != numba.float32:
        return lambda x: 1 / (1 + math.exp(-x))

    def logistic(x):  # type: ignore[no-untyped-def]
        below = HIGHEST if -x > HIGHEST else -x  # noqa: FURB136 - written so that a NaN stays one
        y = LOWEST if below < LOWEST else below  # noqa: FURB136 - the same
        power = np.int32(y * TO_POWER + (BIAS + HALF))
        r = y - (F(power) - BIAS) * LN2
        exponential = ((((((P0 * r + P1) * r + P2) * r + P3) * r + P4) * r + P5) * r + ONE) * r + ONE
        return ONE / (ONE + exponential * _float_of_bits(np.int64(power) << 23))  # type: ignore[call-arg]

    return logistic
