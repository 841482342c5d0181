"""Classes are counted as right, wrong or refused by what they do themselves."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from core.optimizers.wrapping import wrap
from tools import collections


class Polyak(torch.optim.Optimizer):
    """Steps of the loss over the squared gradient: where it goes in a valley is soon decided by rounding."""

    def __init__(self, params: Iterable[Tensor]):
        super().__init__(params, {})

    @torch.no_grad()
    def step(self, closure: Any) -> None:  # type: ignore[override]
        loss = float(closure())
        for parameter in self.param_groups[0]["params"]:
            parameter.sub_(loss / parameter.grad.square().sum().add(1e-6) * parameter.grad)


def test_classes_are_sorted_by_what_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert collections.verdict(Polyak)[0] == "whole"
    assert collections.verdict(torch.optim.SGD) == ("component", "component by component")
    assert collections.verdict(torch.optim.LBFGS)[0] == "refused"
    other = wrap("sgd_", torch.optim.SGD, lr=0.011)
    monkeypatch.setattr(collections, "wrap", lambda *_, **__: other)
    assert collections.verdict(torch.optim.SGD)[0] == "wrong"


def test_the_table_has_shares_and_versions() -> None:
    found = collections.table({"torch": Counter(component=3, whole=1)})
    assert f"| `torch` | {torch.__version__} | 4 | 3 (75 %) | 1 (25 %) | 0 (0 %) |" in found
