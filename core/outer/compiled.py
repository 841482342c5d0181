"""An unroll in compiled steps, and its backward pass: a single call if compiled code supports the problems.

The forward pass stores what the backward pass needs: x_k, the inner gradients, the states and each step's gates (the "tape"). To
save memory, it can store only every √T-th state and recompute the steps between in the backward pass (Griewank
& Walther 2000). This costs one more forward pass of the cell and none of the task.

Between two blocks of inner steps, both passes call their workspace's check, so that an outer step can be left in the middle.

The backward pass includes every path: through the state, through the update, and through the inner gradient's own
dependence on x (a Hessian-vector product of the task). The gradient is exact unless adjoints are clipped.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from core.interruption import Check, go_on
from core.optimizers.features import FEATURES
from core.optimizers.recurrent import RecurrentOptimizer
from core.outer.kernels import kernel_of, whole
from core.outer.kernels.shared import clip, read_out, read_out_backward
from core.outer.kernels.small import MAPS, known
from core.tasks.base import Problems

Array = np.ndarray
BLOCK = 1e9  # multiplications of one call of compiled code, roughly: a fraction of a second
DTYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}


@dataclass
class Workspace:
    """Large arrays that a thread reuses: the same name and shape return the same memory.

    Attributes:
        arrays: by name.
        check: called between two blocks of inner steps; what it raises ends the computation.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    check: Check = go_on

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        """An array with arbitrary contents."""
        size = math.prod(shape)
        kept = self.arrays.get(name)
        if kept is None or kept.dtype != dtype or kept.size < size:
            # from torch, whose memory is aligned: whole vectors then lie in one line of the cache
            kept = self.arrays[name] = torch.empty(size, dtype=DTYPES[dtype]).numpy()
        return kept[:size].reshape(shape)


@dataclass(frozen=True)
class Recorded:
    """The record of a forward pass of T steps for the backward pass.

    Attributes:
        x: [T + 1, problems, parameters].
        gradients: [T + 1, problems, parameters].
        losses: f(x_k), [T + 1, problems].
        inputs: features of the gradients, [T, n, inputs], n = problems · parameters.
        states: at every ``stride``-th step, [⌈T / stride⌉ + 1, vectors, n, units]; the last entry is the last step's.
        tapes: of every step, [T, TAPE, n, units]; if states are strided, of one segment, which is overwritten.
        stride: steps between two stored states.
    """

    x: Tensor
    gradients: Tensor
    losses: Tensor
    inputs: Array
    states: Array
    tapes: Array
    stride: int

    @property
    def final_state(self) -> Array:
        """[vectors, n, units]."""
        return self.states[-1]


def tape_bytes(architecture_units: int, vectors: int, tape: int, rows: int, steps: int, stride: int, item: int) -> int:
    """Memory of the states and tapes of one unroll."""
    kept = -(-steps // stride) + 1 + (stride + 1 if stride > 1 else 0)
    return rows * architecture_units * item * (kept * vectors + (steps if stride == 1 else stride) * tape)


class CompiledOptimizer:
    """A learned optimizer for compiled steps.

    Args:
        optimizer: the optimizer; its θ must not change while this is in use.
    """

    def __init__(self, optimizer: RecurrentOptimizer):
        self.architecture = optimizer.architecture
        self.kernel = kernel_of(self.architecture)
        theta = {name: tensor.detach().contiguous().numpy() for name, tensor in optimizer.theta.items()}
        self.dtype = theta["weight_hh"].dtype
        self.weights = self.kernel.prepare(theta)
        self.readout = theta["readout_weight"], theta["readout_bias"].reshape(1)
        self.scale = np.array([self.architecture.output_scale], self.dtype)
        self.start = theta["initial_state"].reshape(-1, 1, self.architecture.units)
        self.gates = theta["weight_hh"].shape[0]
        self.features = FEATURES[self.architecture.features]
        self._seen = MAPS[self.architecture.features], self.dtype.type(self.architecture.feature_scale)

    @property
    def vectors(self) -> int:
        """Number of vectors of ``units`` in a state."""
        return self.start.shape[0]

    def initial_state(self, rows: int) -> Array:
        """[vectors, rows, units]."""
        return np.repeat(self.start, rows, axis=1)

    def bytes(self, rows: int, steps: int, stride: int) -> int:
        """Memory of the states and tapes of `forward` with this stride."""
        units, item = self.architecture.units, self.dtype.itemsize
        return tape_bytes(units, self.vectors, self.kernel.TAPE, rows, steps, stride, item)

    def _blocks(self, rows: int, steps: int) -> list[slice]:
        """The inner steps in blocks between which it is checked whether to go on."""
        each = rows * sum(math.prod(shape) for shape in self.architecture.shapes().values())
        length = max(1, int(BLOCK / each))
        return [slice(first, min(first + length, steps)) for first in range(0, steps, length)]

    def _features(self, gradient: Tensor, out: Array) -> Array:
        """[n, inputs]."""
        if self.architecture.features == "raw":
            return gradient.numpy().reshape(-1, 1)
        torch.from_numpy(out).copy_(self.features.map(gradient.reshape(-1), self.architecture.feature_scale))
        return out

    def advance(
        self, problems: Problems, x: Tensor, state: Array, steps: int, space: Workspace
    ) -> tuple[Tensor, Tensor, Array]:
        """Run forward without storing anything for a backward pass.

        Args:
            problems: the batch.
            x: start points, [problems, parameters].
            state: [vectors, n, units], overwritten.
            steps: T.
            space: working memory.

        Returns:
            losses [T + 1, problems], x after the last step, the state after the last step.
        """
        n, units = x.numel(), self.architecture.units
        scratch = space.array("scratch", (n, self.gates), self.dtype)
        tape = space.array("tape", (self.kernel.TAPE, n, units), self.dtype)
        other = space.array("other state", state.shape, self.dtype)
        inputs = space.array("input", (n, self.features.inputs), self.dtype)
        losses = x.new_empty(steps + 1, problems.count)
        x = x.clone()
        for k in range(steps + 1):
            space.check()
            losses[k], gradient = problems.loss_and_gradient(x)
            if k == steps:
                break
            z = self._features(gradient.contiguous(), inputs)
            self.kernel.forward(self.weights, state, z, other, tape, scratch)
            flat = x.numpy().reshape(-1)
            read_out(other[0], *self.readout, self.scale, flat, flat)
            state, other = other, state
        return losses, x, state.copy()

    def forward(
        self, problems: Problems, x: Tensor, state: Array, steps: int, space: Workspace, stride: int = 1
    ) -> Recorded:
        """Run forward and store what `backward` needs; the arguments are those of `advance`, and the state is only read."""
        shape, n, units = x.shape, x.numel(), self.architecture.units
        scratch = space.array("scratch", (n, self.gates), self.dtype)
        xs = torch.from_numpy(space.array("x", (steps + 1, *shape), self.dtype))
        gradients = torch.from_numpy(space.array("gradients", (steps + 1, *shape), self.dtype))
        inputs = space.array("inputs", (steps, n, self.features.inputs), self.dtype)
        kept = -(-steps // stride) + 1
        states = space.array("states", (kept, self.vectors, n, units), self.dtype)
        tapes = space.array("tapes", (steps if stride == 1 else stride, self.kernel.TAPE, n, units), self.dtype)
        losses = x.new_empty(steps + 1, problems.count)
        flat = xs.numpy().reshape(steps + 1, n)
        xs[0] = x
        states[0] = state
        task = known(problems, self.dtype) if stride == 1 else None
        if task is not None:
            fixed = self.weights, self.readout, self.scale, task, self._seen
            points = xs.numpy(), gradients.numpy(), losses.numpy()
            for steps_of in self._blocks(n, steps):
                space.check()
                both = slice(steps_of.start, steps_of.stop + 1)  # with the point that the block ends at
                at_points = [values[both] for values in points]
                whole.forward(*fixed, *at_points, inputs[steps_of], states[both], tapes[steps_of], scratch)
            return Recorded(xs, gradients, losses, inputs, states, tapes, stride)
        current = states[0]
        spare = space.array("running state", (2, *state.shape), self.dtype) if stride > 1 else states
        for k in range(steps + 1):
            space.check()
            losses[k], gradients[k] = problems.loss_and_gradient(xs[k])
            if k == steps:
                break
            last = k + 1 == steps
            keep = (k + 1) % stride == 0 or last
            following = states[-1 if last else (k + 1) // stride] if keep else spare[k % 2]
            inputs[k] = self._features(gradients[k], inputs[k])
            self.kernel.forward(self.weights, current, inputs[k], following, tapes[k % len(tapes)], scratch)
            read_out(following[0], *self.readout, self.scale, flat[k], flat[k + 1])
            current = following
        return Recorded(xs, gradients, losses, inputs, states, tapes, stride)

    def _backward_steps(self, recorded: Recorded, space: Workspace) -> Iterator[tuple[int, Array, Array, Array]]:
        """(k, state, next state, tape) from the last step to the first; segments that were not stored are recomputed."""
        steps, stride = len(recorded.inputs), recorded.stride
        if stride == 1:
            for k in reversed(range(steps)):
                yield k, recorded.states[k], recorded.states[k + 1], recorded.tapes[k]
            return
        _, vectors, n, units = recorded.states.shape
        scratch = space.array("scratch", (n, self.gates), self.dtype)
        stretch = space.array("stretch", (stride + 1, vectors, n, units), self.dtype)
        for begin in reversed(range(0, steps, stride)):
            end = min(begin + stride, steps)
            stretch[0] = recorded.states[begin // stride]
            for k in range(begin, end):
                space.check()
                here, tape = k - begin, recorded.tapes[k - begin]
                self.kernel.forward(self.weights, stretch[here], recorded.inputs[k], stretch[here + 1], tape, scratch)
            for k in reversed(range(begin, end)):
                yield k, stretch[k - begin], stretch[k - begin + 1], recorded.tapes[k - begin]

    def backward(
        self, problems: Problems, recorded: Recorded, weights: Tensor, clip_at: float | None, space: Workspace
    ) -> dict[str, Tensor]:
        """Gradient of Σ weights · losses with respect to θ, float64.

        Args:
            problems: as given to `forward`.
            recorded: what it returned.
            weights: [T + 1, problems].
            clip_at: largest norm of each problem's adjoints at every inner step; None for the exact gradient.
            space: as given to `forward`.
        """
        shape = recorded.x.shape[1:]
        _, vectors, n, units = recorded.states.shape
        size = {name: np.zeros(s) for name, s in self.architecture.shapes().items()}
        totals = size["weight_ih"], size["weight_hh"], size["bias_ih"], size["bias_hh"]
        readout_bias = np.zeros(1)
        scratch = space.array("scratch", (n, self.gates), self.dtype)
        spare = space.array("spare", (n, units), self.dtype)
        dz = space.array("dz", (n, self.features.inputs), self.dtype)
        adjoint_h = space.array("adjoint", (vectors, n, units), self.dtype)
        adjoint_h[:] = 0
        task = known(problems, self.dtype) if recorded.stride == 1 else None
        if task is not None:
            adjoint, pulled_x = (space.array(name, shape, self.dtype) for name in ("adjoint of x", "pulled"))
            points = weights.contiguous().numpy(), recorded.x.numpy(), recorded.gradients.numpy()
            adjoint[:] = points[0][-1][:, None] * points[2][-1]
            fixed = self.weights, self.readout, self.scale, task, self._seen, clip_at is not None, float(clip_at or 0)
            for steps_of in reversed(self._blocks(n, len(recorded.inputs))):
                space.check()
                both = slice(steps_of.start, steps_of.stop + 1)
                whole.backward(
                    *fixed,
                    *(values[both] for values in points),
                    *(recorded.inputs[steps_of], recorded.states[both], recorded.tapes[steps_of]),
                    *(adjoint, adjoint_h, pulled_x, dz, totals, size["readout_weight"], readout_bias, scratch, spare),
                )
            if clip_at is not None:
                clip(adjoint_h, problems.count, clip_at)
            return self._gathered(size, readout_bias, adjoint_h)
        direct = weights[:, :, None] * recorded.gradients
        slopes = None
        if self.architecture.features != "raw":
            flat = recorded.gradients[:-1].reshape(-1)
            slopes = self.features.slope(flat, self.architecture.feature_scale).view(len(recorded.inputs), n, -1)
        adjoint_x = direct[-1]
        for k, state, following, tape in self._backward_steps(recorded, space):
            space.check()
            if clip_at is not None:
                clip(adjoint_x.numpy().reshape(1, n, 1), problems.count, clip_at)
                clip(adjoint_h, problems.count, clip_at)
            flat_adjoint = adjoint_x.numpy().reshape(n)
            read_out_backward(
                following[0],
                self.readout[0],
                self.scale,
                flat_adjoint,
                adjoint_h[0],
                size["readout_weight"],
                readout_bias,
            )
            self.kernel.backward(
                self.weights, state, following, recorded.inputs[k], tape, adjoint_h, dz, totals, scratch, spare
            )
            pulled = torch.from_numpy(dz)
            pulled = pulled if slopes is None else (pulled * slopes[k]).sum(1)
            through = problems.hessian_vector_product(recorded.x[k], pulled.view(shape))
            adjoint_x = (adjoint_x + direct[k]).add_(through)
        if clip_at is not None:
            clip(adjoint_h, problems.count, clip_at)
        return self._gathered(size, readout_bias, adjoint_h)

    @staticmethod
    def _gathered(size: dict[str, Array], readout_bias: Array, adjoint_h: Array) -> dict[str, Tensor]:
        """The gradient by name, float64."""
        size["readout_bias"] = readout_bias.reshape(())
        size["initial_state"] = adjoint_h.sum(1, dtype=np.float64).reshape(-1)
        return {name: torch.from_numpy(total) for name, total in size.items()}
