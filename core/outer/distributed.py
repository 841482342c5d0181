"""Data-parallel outer training: several processes share the blocks of every batch and exchange sums.

Start them with torchrun (``torchrun --nproc-per-node 2 -m -- core train …``). Every process has the same θ, computes its share of
the blocks, and sums are exchanged (gloo on CPUs). A single process is a team of one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

import torch
import torch.distributed as dist
from torch import Tensor


@final
@dataclass(frozen=True)
class Team:
    """This process's place among the processes that train together.

    Attributes:
        rank: its number; process 0 writes the run's files.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    @contextmanager
    def joined(cls) -> Iterator["Team"]:
        """The team torchrun started this process in, or a team of one; it is left at the end, before the interpreter goes."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            yield cls()
            return
        # Its functions' defaults hold the group that there is when it is imported, as the first optimizer does: that group would outlive the
        # team, and its threads the interpreter, which then aborts.
        import torch.distributed.nn.functional  # noqa: F401

        dist.init_process_group("gloo")
        try:
            yield cls(dist.get_rank(), dist.get_world_size())
        finally:
            dist.destroy_process_group()

    @property
    def is_main(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """This process's share of ``count`` blocks."""
        return range(self.rank, count, self.size)

    def all_reduce(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sums of float64 tensors over the team, by name; the same on every process."""
        if self.size == 1 or not tensors:
            return tensors
        flat = torch.cat([tensor.reshape(-1).double() for tensor in tensors.values()])
        dist.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors.values()])
        return {name: part.view_as(tensors[name]) for name, part in zip(tensors, parts, strict=True)}

    def barrier(self) -> None:
        """Wait for every process."""
        if self.size > 1:
            dist.barrier()

    def broadcast(self, answer: bool) -> bool:
        """The answer of the first process."""
        if self.size == 1:
            return answer
        first = torch.tensor([int(answer)])
        dist.broadcast(first, 0)
        return bool(first.item())
