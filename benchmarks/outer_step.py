"""One outer step: compared with renn and with the machine's matrix-product rate, and over sizes.

The setting is that of renn's notebook: GRU-64, quadratics of 5 parameters, 64 problems, 200 inner steps, the gradient through
everything. Ours and renn's steps alternate in one run, each with all cores.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from scipy.linalg.blas import sgemm

from benchmarks.peer import ABSENT, PEER, ask, peer
from benchmarks.report import Line
from core.outer.distributed import Team
from core.outer.estimators import make_estimator
from core.outer.gradient import FEWEST_BLOCKS, Workers
from core.outer.kernels.products import product
from core.runs.config import RunConfig, make_config
from core.seeds import Purpose, generator

PAIRS = 15


class Stepper:
    """Outer steps of a configuration, one at a time."""

    def __init__(self, config: RunConfig):
        torch.set_num_threads(1)
        self.estimator = make_estimator(config, Workers(), Team())
        theta = config.architecture.initial_theta(generator(Purpose.INITIALIZE, 0))
        self.theta = {name: torch.nn.Parameter(tensor) for name, tensor in theta.items()}
        self.adam = torch.optim.Adam(self.theta.values(), lr=3e-3)
        self.done = 0

    def step(self) -> float:
        """Seconds of one outer step, including the update of θ."""
        began = time.perf_counter()
        outer = self.estimator.estimate(self.theta, self.done)
        for name, parameter in self.theta.items():
            parameter.grad = outer.gradients[name]
        self.adam.step()
        self.done += 1
        return time.perf_counter() - began


def setting(units: int = 64, problems: int = 64, unroll: int = 200, parameters: int = 5) -> RunConfig:
    """The setting of renn's notebook, or a variation."""
    return make_config(
        {
            "task": "linear_regression",
            "task_parameters": {"parameters": parameters},
            "architecture": {"units": units},
            "problems": problems,
            "unroll": unroll,
            "adjoint_clip": None,
        }
    )


def _ask(process: subprocess.Popen[str]) -> float:
    return float(ask(process).split()[0])


def _against_renn() -> list[Line]:
    what, bar = "outer step, GRU-64, 64 problems × 200 steps", "ratio ≤ 0.35"
    stepper = Stepper(setting())
    stepper.step()
    if not PEER.exists():
        ours = statistics.median(stepper.step() for _ in range(PAIRS))
        return [Line(what, f"{1e3 * ours:.0f} ms", ABSENT, "", bar)]
    with peer("renn_step", "64", "64", "200") as process:
        compiling = _ask(process)
        _ask(process)
        pairs = [(stepper.step(), _ask(process)) for _ in range(PAIRS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    first = _first_step()
    return [
        Line(what, f"{1e3 * ours:.0f} ms", f"renn {1e3 * theirs:.0f} ms", f"{ratio:.2f}", bar),
        Line(
            "first outer step of a process",
            f"{first:.2f} s",
            f"renn {compiling:.1f} s",
            f"{first / compiling:.2f}",
            "≤ 1 s",
        ),
    ]


def _first_step() -> float:
    """Seconds of the first outer step in a fresh process, compiled code read from disk."""
    program = "from benchmarks.outer_step import *; print(Stepper(setting()).step())"
    return float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)


def _matrix_rate() -> tuple[str, float]:
    """The faster of two libraries, and its GFLOP/s in a large float32 matrix product with all cores."""
    torch.set_num_threads(os.cpu_count() or 1)
    a = torch.randn(2048, 2048)
    array = np.asfortranarray(a.numpy())
    rates = {}
    # Products are slower than the processor can where this names an older one.
    code = os.environ.get("OPENBLAS_CORETYPE")
    scipys = f"SciPy's sgemm (OPENBLAS_CORETYPE={code})" if code else "SciPy's sgemm"
    for name, multiply in (("torch.mm", lambda: torch.mm(a, a)), (scipys, lambda: sgemm(1.0, array, array))):
        multiply()
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            multiply()
            seconds.append(time.perf_counter() - began)
        rates[name] = 2 * 2048**3 / statistics.median(seconds) / 1e9
    torch.set_num_threads(1)
    return max(rates.items(), key=lambda pair: pair[1])


def _against_the_machine() -> list[Line]:
    """Three products of [n, units] × [units, 3 units] in each inner step: one forward, two backward."""
    units, problems, unroll, parameters = 64, 64, 200, 5
    stepper = Stepper(setting(units, problems, unroll, parameters))
    stepper.step()
    seconds = statistics.median(stepper.step() for _ in range(PAIRS))
    operations = 3 * 2 * problems * parameters * units * 3 * units * unroll
    alone = unroll * _products_alone(problems * parameters, units)
    rate = operations / seconds / 1e9
    library, peer = _matrix_rate()
    return [
        Line("achieved in an outer step", f"{rate:.0f} GFLOP/s", f"{library} {peer:.0f} GFLOP/s", f"{rate / peer:.2f}"),
        Line(
            "its matrix products alone",
            f"{1e3 * alone:.1f} ms, {operations / alone / 1e9:.0f} GFLOP/s",
            f"outer step {1e3 * seconds:.1f} ms",
            f"{alone / seconds:.2f}",
        ),
    ]


def _products_alone(rows: int, units: int) -> float:
    """Seconds of the three products of one inner step, all gates in one, with the rows shared between as many threads as the outer step has."""
    source = np.random.default_rng(0)
    threads, repeats = FEWEST_BLOCKS, 300
    share = rows // threads

    def arrays(*shapes: tuple[int, int]) -> list[np.ndarray]:
        return [source.normal(size=shape).astype(np.float32) for shape in shapes]

    def work(given: list[np.ndarray]) -> None:
        h, weights, gates, back, out, total = given
        for _ in range(repeats):
            product(h, weights, gates)
            product(gates, back, out)
            product(gates.T, h, total)

    wide, tall = (units, 3 * units), (3 * units, units)
    own = [arrays((share, units), wide, (share, 3 * units), tall, (share, units), tall) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            list(pool.map(work, own))
            times.append((time.perf_counter() - began) / repeats)
    return statistics.median(times)


def _scaling() -> list[Line]:
    lines = []
    for name, values in (
        ("units", (32, 64, 128)),
        ("problems", (32, 64, 128)),
        ("parameters", (5, 20, 80)),
        ("unroll", (100, 200, 400)),
    ):
        times = []
        for value in values:
            stepper = Stepper(setting(**{name: value}))
            stepper.step()
            times.append(statistics.median(stepper.step() for _ in range(5)))
        shown = ", ".join(f"{value}: {1e3 * seconds:.0f} ms" for value, seconds in zip(values, times, strict=True))
        lines.append(Line(f"outer step over {name}", shown))
    return lines


def two_moons_peak(problems: int) -> float:
    """GiB of memory at most, and the time printed by the caller: the full network, GRU-64, 200 inner steps."""
    architecture = {"units": 64, "features": "symlog", "output_scale": 0.01}
    config = make_config({"task": "two_moons", "problems": problems, "unroll": 200, "architecture": architecture})
    Stepper(config).step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _memory() -> list[Line]:
    lines = []
    for problems in (2, 6):
        program = f"from benchmarks.outer_step import *; print(two_moons_peak({problems}))"
        run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        what = f"peak memory, two moons 64-64-64, GRU-64, {problems} problems × 200 steps"
        lines.append(Line(what, f"{float(run.stdout):.2f} GiB", "", "", "≤ 8 GiB"))
    return lines


def run() -> list[Line]:
    """Compared with renn and the machine, over sizes, and memory."""
    return [*_against_renn(), *_against_the_machine(), *_scaling(), *_memory()]
