"""A user's learned optimizer: any torch.nn.Module whose forward pass is one step of every component.

loptscope serve --plugin docs/examples/my_optimizer.py
loptscope analyze --plugin docs/examples/my_optimizer.py --optimizer my_optimizer --task linear_regression
"""

import torch
from torch import Tensor, nn

import loptscope as ls


class MyOptimizer(nn.Module):
    """Two exponential averages of the gradient, combined and saturated. Your own would load its trained weights."""

    state_names = ("fast", "slow")

    def __init__(self) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.tensor([0.5, 0.9]))
        self.mix = nn.Parameter(torch.tensor([0.2, 0.8]))
        self.reach = nn.Parameter(torch.tensor(2.0))

    def initial_state(self, n: int, dtype: torch.dtype) -> Tensor:
        """The initial state of n components, [n, 2]."""
        return torch.zeros(n, 2, dtype=dtype)

    def forward(self, state: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """From state [n, 2] and gradient [n] to the next state [n, 2] and the update [n], which is added to the parameters."""
        state = self.decay * state + (1 - self.decay) * gradient[:, None]
        return state, -self.reach * torch.tanh(state @ self.mix)


ls.register_optimizer("my_optimizer", MyOptimizer(), title="My optimizer", detail="two averages, saturating")
