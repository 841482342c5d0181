"""Learned optimizers in a training loop: a step compared with torch's Adam, memory, and what recording costs a step.

Everything runs on one core, and what is compared alternates in one run.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from torch import nn

import loptscope as ls
from benchmarks.report import Line

MILLION = 1_000_000
TENSORS = ((784, 800), (800,), (800, 450), (450,), (450, 26), (26,))  # about a million parameters
NAMES = ("linear_regression-vanilla2", "two_moons-gru24", "rosenbrock-gru64")
ROUNDS = 9
STEPS = 300  # of a training loop
WARM = 10  # before them


def _parameters() -> list[nn.Parameter]:
    source = torch.Generator().manual_seed(0)
    made = [nn.Parameter(0.1 * torch.randn(shape, generator=source)) for shape in TENSORS]
    for parameter in made:
        parameter.grad = 0.01 * torch.randn(parameter.shape, generator=source)
    return made


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _held(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of an optimizer's state."""
    values = [value for state in optimizer.state.values() for value in state.values()]
    return sum(value.nbytes for value in values if isinstance(value, torch.Tensor))


def _steps() -> list[Line]:
    """A step of each optimizer, in turn."""
    kinds: dict[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {
        "Adam": lambda parameters: torch.optim.Adam(parameters, foreach=True),
        "Adam fused": lambda parameters: torch.optim.Adam(parameters, fused=True),
        **{name: ls.torch_optimizer(name) for name in NAMES},
    }
    made = {name: make(_parameters()) for name, make in kinds.items()}
    for optimizer in made.values():
        optimizer.step()
    times: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(ROUNDS):
        for name, optimizer in made.items():
            times[name].append(_seconds(optimizer.step))
    count = sum(parameter.numel() for parameter in _parameters()) / MILLION
    median = {name: statistics.median(values) / count for name, values in times.items()}
    lines = []
    for name in NAMES:
        what, ours = f"step of {name}, per million parameters", f"{1e3 * median[name]:.0f} ms"
        for peer in ("Adam", "Adam fused"):
            ratio = statistics.median(a / b for a, b in zip(times[name], times[peer], strict=True))
            lines.append(Line(what, ours, f"{peer} {1e3 * median[peer]:.1f} ms", f"{ratio:.0f}"))
        own, adam = (_held(made[one]) / count / 2**20 for one in (name, "Adam"))
        held = f"state of {name}, per million parameters"
        lines.append(Line(held, f"{own:.0f} MiB", f"Adam {adam:.0f} MiB", f"{own / adam:.1f}"))
    return lines


class Loop:
    """A network of a million parameters in training, with Adam and 128 images a step."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        layers = [nn.Linear(784, 800), nn.ReLU(), nn.Linear(800, 450), nn.ReLU(), nn.Linear(450, 26)]
        self.model = nn.Sequential(*layers)
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.images, self.labels = torch.randn(128, 784), torch.randint(26, (128,))

    def step(self, tell: Callable[[torch.Tensor], None] | None = None) -> None:
        """One step of the training."""
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(self.images), self.labels)
        if tell is not None:
            tell(loss)
        loss.backward()
        self.optimizer.step()


def _recording() -> list[Line]:
    """A step with its recording and one without, in turn."""
    watched, plain = Loop(), Loop()
    with ls.record(watched.optimizer, watched.model) as recording:
        for _ in range(WARM):
            watched.step(recording.loss)
            plain.step()
        pairs = [(_seconds(lambda: watched.step(recording.loss)), _seconds(plain.step)) for _ in range(STEPS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    what = "recorded step of a network of a million parameters"
    return [Line(what, f"{1e3 * ours:.1f} ms", f"not recorded {1e3 * theirs:.1f} ms", f"{ratio:.3f}", "ratio ≤ 1.05")]


def run() -> list[Line]:
    """Steps and memory of learned optimizers and Adam, and the cost of a recording."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("LOPTSCOPE_RUNS")
        os.environ["LOPTSCOPE_RUNS"] = folder
        try:
            return [*_steps(), *_recording()]
        finally:
            os.environ.pop("LOPTSCOPE_RUNS")
            if before is not None:
                os.environ["LOPTSCOPE_RUNS"] = before
