"""Every name of the Python API documents its parameters, the shapes of its tensors and its errors."""

import ast
import enum
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import loptscope as ls
from core.errors import InputError

CALLABLES = [
    name for name in ls.__all__ if callable(getattr(ls, name)) and name != "InputError"
]  # it takes any message
SECTIONS = ("Args", "Attributes", "Returns", "Raises")
SHAPE = re.compile(r"\[[^\]]*\]")  # [K + 1, problems]; [] for a single number


def sections(doc: str) -> dict[str, list[str]]:
    """The lines of a Google-style docstring by section; the summary is under ""."""
    parts: dict[str, list[str]] = {"": []}
    current = ""
    for line in inspect.cleandoc(doc).splitlines():
        heading = line.removesuffix(":")
        if line.endswith(":") and heading in SECTIONS:
            current = heading
            parts[current] = []
        else:
            parts[current].append(line)
    return parts


def entries(lines: list[str]) -> dict[str, str]:
    """The texts of ``name: text`` and ``a, b: text`` in a section, with their continuation lines."""
    documented: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        match = re.fullmatch(r" {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*)", line)
        if match:
            names = [name.strip("* ") for name in match[1].split(",")]
            documented |= dict.fromkeys(names, match[2])
        else:
            documented |= {name: f"{documented[name]} {line.strip()}" for name in names}
    return documented


def holds_arrays(annotation: Any) -> bool:
    """Whether a type is, or contains, a tensor or an array."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "") + str(annotation)
    return "Tensor" in text or "ndarray" in text


def raises_directly(function: Callable[..., Any]) -> bool:
    if not inspect.isfunction(inspect.unwrap(function)) or "<string>" in function.__code__.co_filename:
        return False  # a constructor that dataclasses or pydantic wrote
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(isinstance(node, ast.Raise) and "InputError(" in ast.unparse(node) for node in ast.walk(tree))


def missing(function: Callable[..., Any]) -> list[str]:
    """What the docstring of a function, or of a class with fields or a constructor, lacks."""
    parts = sections(inspect.getdoc(function) or "")
    documented = entries(parts.get("Args", []) + parts.get("Attributes", []))
    if isinstance(function, enum.EnumMeta):
        return [f"{function.__name__}: {member.name}" for member in function if member.name not in documented]
    signature = inspect.signature(function)
    lacking = [name for name in signature.parameters if name not in documented]
    lacking += [
        f"shape of {name}"
        for name, parameter in signature.parameters.items()
        if holds_arrays(parameter.annotation) and not SHAPE.search(documented.get(name, ""))
    ]
    returned = " ".join([*parts[""], *parts.get("Returns", [])])
    if holds_arrays(signature.return_annotation) and not SHAPE.search(returned):
        lacking.append("shape of the result")
    call = vars(function).get("__init__") if inspect.isclass(function) else function
    if call is not None and raises_directly(call) and not entries(parts.get("Raises", [])):
        lacking.append("Raises")
    return [f"{function.__name__}: {what}" for what in lacking]


@pytest.mark.parametrize("name", CALLABLES)
def test_parameters_shapes_and_errors_are_documented(name: str) -> None:
    assert not missing(getattr(ls, name))


def incomplete(state: Tensor, gradients: np.ndarray, width: float) -> dict[str, Tensor]:
    """Something with states.

    Args:
        state: of the optimizer.
        gradients: [n],
            in float64.
    """
    if width < 0:
        raise InputError("width must be 0 or more")
    return {"state": state + torch.tensor(gradients) * width}


def complete(state: Tensor, gradients: np.ndarray, width: float) -> dict[str, Tensor]:
    """Something with states.

    Args:
        state: of the optimizer, [n, S].
        gradients: [n],
            in float64.
        width: of something.

    Returns:
        states by name, [n, S] each.

    Raises:
        InputError: a negative width.
    """
    return incomplete(state, gradients, width)


def test_what_a_docstring_lacks_is_found() -> None:
    lacking = ["width", "shape of state", "shape of the result", "Raises"]
    assert missing(incomplete) == [f"incomplete: {what}" for what in lacking]
    assert not missing(complete)
