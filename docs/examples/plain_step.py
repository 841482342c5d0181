"""An optimizer whose step is a plain Python function on NumPy arrays: slopes come from difference quotients.

loptscope serve --plugin docs/examples/plain_step.py
"""

from typing import Any

import numpy as np

import loptscope as ls

Array = np.ndarray[Any, np.dtype[np.floating]]


def sign_momentum(state: Array, gradient: Array, parameter: Array) -> tuple[Array, Array]:
    """Momentum through a soft sign, with weight decay: m ← 0.9 m + 0.1 g, u = −0.02 tanh(m / 0.1) − 0.001 x."""
    m = 0.9 * state[:, 0] + 0.1 * gradient
    return m[:, None], -0.02 * np.tanh(m / 0.1) - 0.001 * parameter


ls.register_step(
    "soft_sign", sign_momentum, state_names=("m",), title="Soft sign", detail="NumPy, with weight decay 0.001"
)
