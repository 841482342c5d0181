"""The table of torch's own optimizers in docs/bring-your-own.md, from wrapping each of them: python -m tools.torch_table."""

import inspect
import warnings
from pathlib import Path
from typing import Any

import torch

from core.errors import InputError
from core.optimizers.torch_optimizer import TorchOptimizer
from core.optimizers.wrapping import wrap
from tools.collections import classes_of, follows

FILE = Path(__file__).resolve().parents[1] / "docs" / "bring-your-own.md"
BEGIN, END = "<!-- torch.optim -->\n", "<!-- end -->\n"
HEAD = "| class | as it is | with `weight_decay=0.1` |\n|---|---|---|\n"


def _cell(torch_class: type[torch.optim.Optimizer], settings: dict[str, Any]) -> str:
    name = torch_class.__name__.lower()
    try:
        made = wrap(name, torch_class, **settings)
    except InputError as error:
        return "refused: " + str(error).removeprefix(f"{name} cannot be wrapped: ")
    if follows(made, torch_class, settings):
        return "wrong"
    if not issubclass(made, TorchOptimizer):
        return "whole: " + getattr(made, "because", "").removeprefix("a plain step ")
    read = ", reads the parameter" if made.reads_parameter else ""
    return "by component" + read + ("" if made.is_smooth else ", jumps at 0")


def table() -> str:
    """Every class of torch.optim in one line."""
    lines = []
    for torch_class in classes_of("torch.optim"):
        decays = "weight_decay" in inspect.signature(torch_class).parameters
        second = _cell(torch_class, {"weight_decay": 0.1}) if decays else "–"
        lines.append(f"| `{torch_class.__name__}` | {_cell(torch_class, {})} | {second} |\n")
    return HEAD + "".join(lines)


def write(text: str) -> str:
    """A text with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    FILE.write_text(write(FILE.read_text(encoding="utf-8")), encoding="utf-8")
