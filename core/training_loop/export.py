"""A recording as a table or as arrays for other programs."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.files.atomic import write_bytes
from core.training_loop.recording import Recording

ROWS = 64  # recorded steps that are in memory at a time


def csv_parts(recording: Recording) -> Iterator[bytes]:
    """A CSV table with one line for each recorded step and component, in parts.

    Its columns are step, loss, learning rate, component, parameter, gradient, update, and the entries of the state. A number that is not
    known is left empty.

    Args:
        recording: the recording.

    Raises:
        InputError: nothing is recorded, or it is damaged.
    """
    about = recording.about
    count = len(recording.steps())
    names = ["step", "loss", "learning_rate", "component", "parameter", "gradient", "update"]
    yield ",".join([*names, *(_quoted(f"state {name}") for name in about.state_names)]).encode() + b"\n"
    labels = [_quoted(component.label) for component in about.components]
    groups = [component.group for component in about.components]
    for first in range(0, count, ROWS):
        arrays = recording.arrays(range(first, min(count, first + ROWS)))
        own = np.stack([arrays.parameters, arrays.gradients, arrays.updates], 2)
        numbers = np.concatenate([own, arrays.states], 2)
        text = [
            f"{step},{_number(arrays.losses[k])},{_number(arrays.rates[k, groups[c]])},{label},{','.join(map(_number, numbers[k, c]))}\n"
            for k, step in enumerate(arrays.steps.tolist())
            for c, label in enumerate(labels)
        ]
        yield "".join(text).encode()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text


def _number(value: np.floating) -> str:
    return str(value) if value == value else ""


def npz_bytes(recording: Recording) -> bytes:
    """All arrays of a recording as a NumPy file: those of `Arrays` by their names, and the description as JSON in "about".

    Args:
        recording: the recording.

    Raises:
        InputError: nothing is recorded, or it is damaged.
    """
    content = io.BytesIO()
    about = np.array(json.dumps(recording.about.model_dump(mode="json")))
    np.savez_compressed(content, about=about, **vars(recording.arrays()))
    return content.getvalue()


def _csv_bytes(recording: Recording) -> bytes:
    return b"".join(csv_parts(recording))


WAYS: dict[str, Callable[[Recording], bytes]] = {".csv": _csv_bytes, ".npz": npz_bytes}


def export_recording(recording: Recording, path: Path) -> None:
    """Write a recording as a CSV table or as a NumPy file, as the ending of the path says.

    Args:
        recording: the recording.
        path: the file, ending in .csv or .npz.

    Raises:
        InputError: another ending, or the recording is damaged.
    """
    if path.suffix not in WAYS:
        raise InputError(f"a recording is exported as .csv or .npz (got {path.name!r:.60})")
    write_bytes(path, WAYS[path.suffix](recording))
