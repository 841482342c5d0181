"""Curvatures of a problem: eigenvalues of its Hessian, all of a small one, the leading and the typical ones of a large one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.late import torch
from core.tasks.base import Problems

if TYPE_CHECKING:
    from torch import Tensor

LEADING = 5  # largest eigenvalues of a large Hessian
LANCZOS = 40  # steps of Lanczos' method for the others
SMALL = 20  # parameters up to which the whole Hessian is built


def hessians(problems: Problems, x: Tensor) -> Tensor:
    """∇²f of every problem, column by column.

    Args:
        problems: of one task.
        x: where, [problems, n].

    Returns:
        [problems, n, n].
    """
    eye = torch.eye(x.shape[1], dtype=x.dtype)
    return torch.stack([problems.hessian_vector_product(x, row.expand_as(x)) for row in eye], 2)


def curvatures_of(problems: Problems, x: Tensor, seed: int = 0) -> Tensor:
    """Eigenvalues of the Hessian of every problem at x, [problems, m], ascending.

    Args:
        problems: of one task.
        x: [problems, n].
        seed: of the random start of Lanczos' method.

    Returns:
        All n eigenvalues of a problem of up to 20 parameters; otherwise m representative ones: nodes that Lanczos' method gives for
        the spectrum's density, in proportion to their weights, and the largest.
    """
    if x.shape[1] <= SMALL:
        return torch.linalg.eigvalsh(hessians(problems, x).double())
    found = [_lanczos(problems.part(i, i + 1), x[i : i + 1], seed) for i in range(len(x))]
    return torch.stack(found)


def _lanczos(problem: Problems, x: Tensor, seed: int) -> Tensor:
    """Quantiles of the spectral density by Gauss quadrature (Golub & Welsch), with the largest Ritz values at the end."""
    source = torch.Generator().manual_seed(seed)
    v = torch.randn(x.shape, generator=source, dtype=x.dtype)
    v = v / v.norm()
    basis, diagonal, off = [v], [], []
    for _ in range(min(LANCZOS, x.shape[1])):
        w = problem.hessian_vector_product(x, basis[-1])
        diagonal.append(float((w * basis[-1]).sum()))
        for q in basis:  # against all that came before: rounding would let them back in
            w = w - (w * q).sum() * q
        length = float(w.norm())
        if length < 1e-10:
            break
        off.append(length)
        basis.append(w / length)
    size = len(diagonal)
    matrix = np.diag(diagonal) + np.diag(off[: size - 1], 1) + np.diag(off[: size - 1], -1)
    values, vectors = np.linalg.eigh(matrix)
    weights = np.cumsum(vectors[0] ** 2)
    places = (np.arange(LANCZOS) + 0.5) / LANCZOS
    typical = values[np.minimum(np.searchsorted(weights, places), size - 1)]
    return torch.from_numpy(np.concatenate([typical, values[-LEADING:]]))
