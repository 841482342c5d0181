"""A small training that the tests of recordings share."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

import loptscope as ls


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)


def loss_of(model: nn.Module, step: int) -> Tensor:
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(step)).to(next(model.parameters()).dtype)
    loss: Tensor = model(x).square().mean()
    return loss


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, tell: Callable[[Tensor], None] | None = None
) -> tuple[list[float], list[list[Tensor]], list[list[Tensor]]]:
    """The losses, parameters before each step (and after the last), and gradients."""
    losses, points, gradients = [], [], []
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model, step)
        losses.append(loss.item())
        if tell is not None:
            tell(loss)
        loss.backward()
        points.append([tensor.detach().clone() for tensor in model.parameters()])
        gradients.append(
            [torch.zeros(0) if tensor.grad is None else tensor.grad.clone() for tensor in model.parameters()]
        )
        optimizer.step()
    points.append([tensor.detach().clone() for tensor in model.parameters()])
    return losses, points, gradients


def recorded(
    name: str, optimizer: Callable[[nn.Module], torch.optim.Optimizer], steps: int, components: int = 20
) -> ls.Recording:
    """A recording of a small training."""
    model = network()
    made = optimizer(model)
    with ls.record(made, model, name, components=components) as recording:
        train(model, made, steps, recording.loss)
    return ls.open_recording(name)
