"""Where outer training, evaluation and tuning compute: compiled code on CPUs, torch's own operations on a GPU."""

from __future__ import annotations

from core.errors import InputError, choose
from core.late import torch

DEVICES = ("auto", "cpu", "cuda")


def device_of(name: str = "auto") -> torch.device | None:
    """The device of a name.

    Args:
        name: "cuda", "cpu", or "auto": a GPU where there is one.

    Returns:
        None for the compiled code on CPUs.

    Raises:
        InputError: there is no such device here.
    """
    choose("device", name, dict.fromkeys(DEVICES))
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise InputError(
            "there is no CUDA device here (torch.cuda.is_available() is False): leave --device out, or use cpu"
        )
    return torch.device("cuda") if there and name != "cpu" else None
