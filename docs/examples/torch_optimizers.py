"""Optimizers with torch.optim's interface: torch's own, and one defined here.

loptscope serve --plugin docs/examples/torch_optimizers.py
loptscope tune --plugin docs/examples/torch_optimizers.py --task rosenbrock --optimizer lion --draws 200
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

import loptscope as ls


class Lion(torch.optim.Optimizer):
    """u = −α sign(β₁m + (1 − β₁)g), then m ← β₂m + (1 − β₂)g (Chen et al. 2023), without weight decay."""

    def __init__(self, params: Iterable[Tensor], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.99)):
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of every parameter that has a gradient."""
        for group in self.param_groups:
            fast, slow = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["m"] = torch.zeros_like(parameter)
                parameter.sub_(group["lr"] * torch.sign(fast * state["m"] + (1 - fast) * parameter.grad))
                state["m"].lerp_(parameter.grad, 1 - slow)


ls.register_torch_optimizer("adamw", torch.optim.AdamW, title="AdamW", weight_decay=0)
ls.register_torch_optimizer("adagrad", torch.optim.Adagrad, title="Adagrad")
ls.register_torch_optimizer("lion", Lion, title="Lion", ranges={"learning_rate": ls.Range(1e-5, 1.0, "log")})
