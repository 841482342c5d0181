"""The views of an optimizer that sees whole tensors: what can be told by going back to a run, all else as met.

No component can be stepped alone, so there are no fixed points, modes or S-curve. The memory kernel, the update function, the effective
learning rate, weight decay and coupling are measured along one run (core/analysis/general.py), the closed loop on one problem.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core.analysis.general import decay_along, rate_along, update_functions
from core.bundle import Arrays, Bundle
from core.late import torch
from core.mechanisms.agreement import agreement_report, rates_over_windows
from core.mechanisms.closed_loop import loop_report_of_tensors
from core.mechanisms.context import NEEDS_ALONE, Context, grid

GRADIENTS = 41
SIZES = 30
DECADES = 3  # of sizes below the largest gradient at which secants are drawn
BINS = 60
FEW = 20  # parameters up to which each is shown by itself; tensors otherwise


def _about(context: Context) -> dict[str, Any]:
    names = context.problem_met.component_names()
    return {
        "scale": context.observed.scale,
        "typical": context.observed.typical,
        "largest": context.observed.largest,
        "nonfinite": context.observed.nonfinite,
        "steps": context.met_at,
        "components": [names[i] for i in context.places_met],
        "precision": context.about_precision,
    }


def momentum_view(context: Context) -> Bundle:
    """Memory kernels along a run, and how components answer each other's gradients.

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with ``kernels`` [places, components, J + 1], −∂u[k+j]/∂g[k] in open loop, NaN where there is no slope; and ``answers``
        [components, groups], the share of the answer to a component's gradient that is found in each group's updates (the mean of both places):
        of every parameter, or where there are many of the component itself, then of every tensor without it.
    """
    count = len(context.places_met)
    shortest = min(len(kernel) for kernel in context.kernels_met)
    kernels = torch.stack([kernel[:shortest] for kernel in context.kernels_met])
    shares, groups = _shares(context)
    arrays: Arrays = {
        "kernels": kernels.view(len(context.met_at), count, -1).float().numpy(),
        "answers": shares.astype(np.float32),
    }
    return Bundle(arrays, _about(context) | {"groups": groups, "coupling": context.coupling})


def _shares(context: Context) -> tuple[np.ndarray, list[str]]:
    """Shares of the answers [components, groups], the mean of the two places, and the groups' names."""
    shapes = context.problem_met.tensor_shapes()
    if context.dimension <= FEW:
        groups = context.problem_met.component_names()
        rows = [[(slopes.abs() / slopes.abs().sum()) for slopes in at] for at in context.answers_met]
    else:
        tensors = [f"others in {'×'.join(map(str, shape))}" for shape in shapes]
        groups = ["itself"] + [
            f"{name}, tensor {n}" if tensors.count(name) > 1 else name for n, name in enumerate(tensors, start=1)
        ]
        sizes = [torch.Size(shape).numel() for shape in shapes]
        rows = [
            [_by_tensor(slopes.abs(), i, sizes) for i, slopes in zip(context.places_met, at, strict=True)]
            for at in context.answers_met
        ]
    return torch.stack([torch.stack(at) for at in rows]).mean(0).numpy(), groups


def _by_tensor(answers: torch.Tensor, component: int, sizes: list[int]) -> torch.Tensor:
    """The share of a component's own answer in all, and those of the others in every tensor, [1 + tensors]."""
    others = answers.clone()
    others[component] = 0
    parts = [part.sum() for part in others.split(sizes)]
    return torch.stack([answers[component], *parts]) / answers.sum()


def clipping_view(context: Context) -> Bundle:
    """The update of a component over its own gradient, all else as met, above the density of gradients.

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with ``updates`` [places, components, G] over ``gradients`` [G]; ``secants`` [places, components, SIZES], the slope of the
        secant between ± each of the ``sizes`` [SIZES], relative to the smallest one's; ``density`` [BINS] between ``edges`` [BINS + 1].
    """
    met, observed = context.met, context.observed
    gradients = grid(context, GRADIENTS, observed.largest)
    top = float(np.log10(observed.largest))
    sizes = torch.logspace(top - DECADES, top, SIZES, dtype=torch.float64)
    edges = grid(context, BINS + 1).numpy()
    counts, _ = np.histogram(observed.gradients.numpy(), edges)
    updates, secants = [], []
    for k in context.met_at:
        every = update_functions(met, k, context.places_met, torch.cat([gradients, sizes, -sizes]))
        drawn, up, down = every.split([GRADIENTS, SIZES, SIZES], 1)
        slopes = -(up - down) / (2 * sizes)
        updates.append(drawn)
        secants.append(slopes / slopes[:, :1])
    arrays: Arrays = {
        "gradients": gradients.float().numpy(),
        "updates": torch.stack(updates).float().numpy(),
        "sizes": sizes.float().numpy(),
        "secants": torch.stack(secants).float().numpy(),
        "density": (counts / max(1, len(observed.gradients))).astype(np.float32),
        "edges": edges.astype(np.float32),
    }
    return Bundle(arrays, _about(context))


def schedule_view(context: Context) -> Bundle:
    """The effective learning rate and the weight decay of components along a run.

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with ``rates`` and ``decays`` [components, steps] at ``at`` [steps]; NaN where there is no slope.
    """
    met = context.met
    at = sorted(met.places)
    arrays: Arrays = {
        "at": np.array(at, dtype=np.float32),
        "rates": np.array([[rate_along(met, k, i) for k in at] for i in context.places_met], dtype=np.float32),
        "decays": np.array([[decay_along(met, k, i) for k in at] for i in context.places_met], dtype=np.float32),
    }
    return Bundle(arrays, _about(context))


def closed_loop_view(context: Context) -> Bundle:
    """Eigenvalues of optimizer and problem as one linear system at two steps of a run.

    Args:
        context: the optimizer on its task.

    Returns:
        a bundle with ``eigenvalues`` [places, N, 2] (real, imaginary) and the report; without the array where there is no closed loop.
    """
    report = loop_report_of_tensors(context)
    about = {"scale": 1.0, "report": report.model_dump(mode="json")}
    if report.reason:
        return Bundle({}, about)
    return Bundle({"eigenvalues": np.array([one.eigenvalues for one in report.along_run], dtype=np.float32)}, about)


def adaptation_view(context: Context) -> Bundle:
    """Learning rates by the signs of gradients, and the reason why there is no S-curve.

    Args:
        context: the optimizer on its task.

    Arrays: ``agreement`` [3, steps + 1, 3], quartiles over components of the learning rates while gradients come in whose signs are alike,
    alternate, or are random; missing where there is no slope.
    """
    rates = rates_over_windows(context)
    about = {"scale": context.observed.scale, "why": NEEDS_ALONE, "agreement": agreement_report(context).model_dump()}
    return Bundle({} if rates is None else {"agreement": rates}, about)
