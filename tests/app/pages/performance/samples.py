"""Made-up results, small and with known answers."""

from typing import Any

import numpy as np

from core.baselines.search import SearchResult
from core.evaluation.held_out import Evaluation
from core.evaluation.out_of_distribution import Generalization
from core.optimizers.hand_designed import BASELINES

STEPS = 20


def score(mean: float | None, sem: float | None = 0.001, **changes: Any) -> dict[str, Any]:
    """One optimizer's score: its curve falls from 1 to its meta-loss; None diverges half-way on two problems."""
    end = 0.5 if mean is None else mean
    curve = np.geomspace(1, end, STEPS + 1).round(6).tolist()
    broken = [*curve[: STEPS // 2], *[None] * (STEPS + 1 - STEPS // 2)]
    return {
        "meta_loss": {"mean": mean, "sem": None if mean is None else sem},
        "final_loss": {"mean": mean, "median": end / 10},
        "diverged": 2 if mean is None else 0,
        "steps_to_target": {"median": 100 * end if mean is not None else None, "reached": 7},
        "hyperparameters": {"learning_rate": 0.1},
        "curve_mean": broken if mean is None else curve,
        "curve_sem": [0.001] * (STEPS + 1),
        "curve_median": curve,
        **changes,
    }


def evaluation(learned: float | None = 0.05, task: str = "rosenbrock", **baselines: float | None) -> Evaluation:
    """A comparison by meta-loss; baselines not named get 0.1, 0.2, 0.3 …"""
    means = {name: 0.1 * (i + 1) for i, name in enumerate(BASELINES)} | baselines
    scores = {"learned": score(learned, hyperparameters=None), **{name: score(means[name]) for name in BASELINES}}
    content = {"task": task, "problems": 10, "seed": 3, "steps": STEPS, "target": 0.1, "outer_step": 5}
    return Evaluation.model_validate({**content, "optimizers": scores})


def generalization() -> Generalization:
    """Five conditions: as trained and one on which it holds, one level, one on which it is worse, one diverging."""
    conditions = [
        ("as trained", "trained", evaluation(0.05)),
        ("5 × longer", "unroll", evaluation(0.04)),
        ("10 parameters", "size", evaluation(0.1015)),
        ("30 parameters", "size", evaluation(0.4)),
        ("two moons", "task", evaluation(None, nesterov=None, adam=50.0)),
    ]
    return Generalization.model_validate(
        {
            "format": "loptscope-generalization/1",
            "outer_step": 5,
            "seed": 3,
            "conditions": [
                {"name": name, "group": group, "evaluation": condition.model_dump()}
                for name, group, condition in conditions
            ],
        }
    )


def tuned(**changes: Any) -> SearchResult:
    """The outcome of `draws`."""
    content: dict[str, Any] = {
        "task": "rosenbrock",
        "optimizer": "momentum",
        "draws": 6,
        "rungs": [[4, 6], [64, 3]],
        "seed": 0,
        "steps": STEPS,
        "hyperparameters": {"learning_rate": 0.1, "momentum": 0.9},
        "meta_loss": 0.2,
        "sem": 0.01,
        "diverged": 2,
    }
    return SearchResult.model_validate(content | changes)


def draws() -> dict[str, np.ndarray]:
    """Six draws: three inside the axis (one dropped early), one above it, two diverged."""
    return {
        "learning_rate": np.array([0.1, 0.01, 0.001, 1.0, 10.0, 50.0]),
        "momentum": np.array([0.9, 0.0, 0.99, 0.5, 0.999, 0.9]),
        "meta_loss": np.array([0.2, 0.21, 0.9, 7.0, np.inf, np.nan]),
        "problems": np.array([64, 64, 4, 64, 4, 4]),
    }
