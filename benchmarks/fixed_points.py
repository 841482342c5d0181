"""Fixed points of the shipped GRU-64 for linear regression from 505 states it visits: compared with renn in the same run."""

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.peer import ABSENT, PEER, ask, peer
from benchmarks.report import Line
from core.analysis.fixed_points import CONVERGED, FixedPoints, find_fixed_points, speed
from core.optimizers.recurrent import RecurrentOptimizer
from core.runs.zoo import find_run
from core.seeds import Purpose, generator
from core.tasks import make_task
from core.unroll import unroll

OPTIMIZER = "linear_regression-gru64"
STEPS = 100  # of one problem with 5 components: 505 states
PAIRS = 5


def visited() -> tuple[RecurrentOptimizer, Tensor]:
    """The optimizer and the states of all components of one problem, [505, S], in float64."""
    run = find_run(OPTIMIZER)
    optimizer = run.optimizer()
    problem = make_task(run.config.task).sample(1, generator(Purpose.EVALUATE, 0))
    states = unroll(optimizer, problem, STEPS, record=("states",)).states
    assert states is not None
    return optimizer.to(torch.float64), states.reshape(-1, optimizer.state_size).double()


def _ours(optimizer: RecurrentOptimizer, starts: Tensor) -> tuple[float, FixedPoints]:
    began = time.perf_counter()
    points = find_fixed_points(optimizer, starts)
    return time.perf_counter() - began, points


def _check(points: FixedPoints, starts: Tensor) -> None:
    """Check that every start has a status, and that converged starts reached a point with a speed of 1e-20 or less."""
    assert len(points.status) == len(starts) and set(points.status) <= {"converged", "slow", "failed"}
    for status, point in zip(points.status, points.point.tolist(), strict=True):
        if (status == "converged") != (point >= 0 and float(points.speeds[point]) <= CONVERGED):
            raise AssertionError(f"a start with status {status} reached point {point}")


def _against_renn(optimizer: RecurrentOptimizer, starts: Tensor) -> tuple[list[float], list[dict[str, Any]]]:
    """Our seconds, and renn's answer, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given.npz"
        arrays = {name: tensor.float().numpy() for name, tensor in optimizer.theta.items()}
        np.savez(given, allow_pickle=False, starts=starts.float().numpy(), **arrays)
        with peer("renn_fixed_points", str(given)) as process:
            ask(process)
            pairs = [(_ours(optimizer, starts)[0], json.loads(ask(process))) for _ in range(PAIRS)]
    same = speed(optimizer, starts, torch.zeros(len(starts), dtype=torch.float64)).numpy()
    np.testing.assert_allclose(pairs[0][1]["before"], same, rtol=1e-3, atol=1e-10, err_msg="not the same step")
    return [seconds for seconds, _ in pairs], [answer for _, answer in pairs]


def run() -> list[Line]:
    """Seconds to find and classify, our one thread against all of renn's, and the speeds at the ends."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        optimizer, starts = visited()
        _, points = _ours(optimizer, starts)
        _check(points, starts)
        counts = ", ".join(f"{points.status.count(kind)} {kind}" for kind in ("converged", "slow", "failed"))
        what = f"fixed points, GRU-64, {len(starts)} visited states"
        if not PEER.exists():
            ours = statistics.median(_ours(optimizer, starts)[0] for _ in range(PAIRS))
            return [Line(what, f"{ours:.3f} s", ABSENT, "", "≤ 0.2 (aim 0.1)"), Line("of these", counts)]
        seconds, answers = _against_renn(optimizer, starts)
    finally:
        torch.set_num_threads(threads)
    ratios = [a / b["seconds"] for a, b in zip(seconds, answers, strict=True)]
    compiled = [a / (b["seconds"] - b["compiling"]) for a, b in zip(seconds, answers, strict=True)]
    theirs = statistics.median(answer["seconds"] for answer in answers)
    largest = float(points.speeds[points.converged].max()) if bool(points.converged.any()) else float("nan")
    after = answers[0]["after"]
    note = f"renn {theirs:.2f} s ({statistics.median(compiled):.2f} without compiling)"
    bar = "≤ 0.2 (aim 0.1)"
    return [
        Line(what, f"{statistics.median(seconds):.3f} s", note, f"{statistics.median(ratios):.2f}", bar),
        Line(
            "speed at the end of the search",
            f"{counts}, largest {largest:.0e}",
            f"renn median {statistics.median(after):.0e}, largest {max(after):.0e}",
            "",
            "converged: ≤ 1e-20",
        ),
    ]
