"""A user's task: a small network that classifies handwritten digits (scikit-learn's, 8 × 8 pixels).

loptscope evaluate --plugin docs/examples/digits.py --plugin docs/examples/my_optimizer.py --optimizer my_optimizer --task digits
loptscope serve --plugin docs/examples/digits.py
"""

import functools
from typing import ClassVar, final

import torch
from pydantic import Field
from sklearn.datasets import load_digits
from torch import Tensor

import loptscope as ls

PIXELS, CLASSES = 64, 10


@functools.cache
def _images() -> tuple[Tensor, Tensor]:
    """Pixels from 0 to 1, [1797, 64], and the digit of each image, [1797]."""
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images / 16.0), torch.tensor(labels)


@final
class Readers(ls.AutogradProblems):
    """Cross-entropy of a network with one hidden layer, on each problem's own images."""

    def loss(self, x: Tensor) -> Tensor:
        images, labels = self.data["images"], self.data["labels"]
        hidden = (x.shape[1] - CLASSES) // (PIXELS + 1 + CLASSES)
        sizes = (PIXELS * hidden, hidden, hidden * CLASSES, CLASSES)
        w1, b1, w2, b2 = x.split(sizes, 1)
        inner = torch.tanh(torch.baddbmm(b1[:, None], images, w1.view(-1, PIXELS, hidden)))
        logits = torch.baddbmm(b2[:, None], inner, w2.view(-1, hidden, CLASSES))
        return -logits.log_softmax(2).gather(2, labels[:, :, None]).mean((1, 2))


@ls.register_task
@final
class Digits(ls.Task):
    """Networks with ``hidden`` units on ``images`` of the digits; every problem has its own images and weights."""

    name: ClassVar[str] = "digits"
    title: ClassVar[str] = "Digits"

    hidden: int = Field(default=8, ge=1, le=64)
    images: int = Field(default=100, ge=10, le=1797)

    def sample(self, count: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Readers:
        images, labels = _images()
        chosen = torch.stack([torch.randperm(len(labels), generator=generator)[: self.images] for _ in range(count)])
        sizes = (PIXELS * self.hidden, self.hidden, self.hidden * CLASSES, CLASSES)
        scales = (PIXELS**-0.5, 0.0, self.hidden**-0.5, 0.0)
        parts = [
            scale * torch.randn(count, size, generator=generator, dtype=torch.float64)
            for size, scale in zip(sizes, scales, strict=True)
        ]
        return Readers(torch.cat(parts, 1).to(dtype), {"images": images[chosen].to(dtype), "labels": labels[chosen]})
