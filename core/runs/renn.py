"""Reads renn's published optimizers: weights in ``theta.bin``, settings in ``config.yml``.

renn (Maheswaranathan et al., arXiv 2011.02159; its ``serialize.py``, ``rnn/cells.py`` and ``metaopt/models.py``, version 0.1.0)
writes θ = (cell, readout) as msgpack with three extension types: 1 an array (bytes, dtype, shape), 2 a tuple, 3 a linear map
(A, W, b): A · input + W · state + b. They are parsed here within limits; nothing is unpickled. Its GRU applies the reset before the
recurrent product, and adds a constant to a gate before the sigmoid; here that constant is added to the bias.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
import torch
import yaml
from pydantic import ValidationError
from torch import Tensor

from core.errors import InputError, sentence
from core.optimizers.recurrent import Architecture

LARGEST = 64 * 2**20  # bytes of theta.bin: an LSTM of 1024 units in double precision has 32 MiB
LARGEST_CONFIG = 64 * 2**10
LONGEST_NUMBER = 100  # characters
DEEPEST = 8  # nesting depth of extension types
MOST = 64  # entries of a list or a mapping
DTYPES = ("<f4", "<f8")
ARRAY, TUPLE, LINEAR = 1, 2, 3
CONFIG_DICT = "tag:yaml.org,2002:python/object:ml_collections."  # the YAML tag of renn's settings

Table = dict[str, Any]
Array = np.ndarray


@dataclass(frozen=True)
class Linear:
    """A · input + W · state + b."""

    A: Array
    W: Array
    b: Array


# --- theta.bin


def _unpack(content: bytes, depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise InputError(f"theta.bin nests deeper than {DEEPEST} levels")

    def extension(code: int, data: bytes) -> Any:
        if code == ARRAY:
            return _array(data)
        if code not in (TUPLE, LINEAR):
            raise InputError(
                f"theta.bin contains extension type {code}; renn's are 1 (array), 2 (tuple) and 3 (linear map)"
            )
        items = _unpack(data, depth + 1)
        if code == TUPLE and isinstance(items, list):
            return tuple(items)
        if code == LINEAR and isinstance(items, tuple) and len(items) == 3 and all(isinstance(a, Array) for a in items):
            return Linear(*items)
        raise InputError("theta.bin contains an invalid tuple or linear map")

    limits = {
        "max_bin_len": LARGEST,
        "max_ext_len": LARGEST,
        "max_str_len": 200,
        "max_array_len": MOST,
        "max_map_len": MOST,
    }
    try:
        return msgpack.unpackb(content, raw=False, strict_map_key=True, ext_hook=extension, **limits)
    except InputError:
        raise
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        raise InputError("theta.bin is damaged or not in renn's format") from None


def _array(data: bytes) -> Array:
    """An array of single or double precision with at most two dimensions."""
    try:
        buffer, dtype, shape = msgpack.unpackb(data, raw=False, max_bin_len=LARGEST, max_array_len=3, max_str_len=8)
    except (ValueError, TypeError, msgpack.UnpackException):
        raise InputError("theta.bin contains an invalid array: it needs bytes, dtype and shape") from None
    if dtype not in DTYPES:
        raise InputError(f"theta.bin contains an array of another type; only {' and '.join(DTYPES)} are supported")
    if not (isinstance(buffer, bytes) and isinstance(shape, list) and len(shape) <= 2):
        raise InputError(
            "theta.bin contains an invalid array: it needs bytes, dtype and a shape of at most two numbers"
        )
    whole = all(isinstance(size, int) and not isinstance(size, bool) and 0 < size <= LARGEST for size in shape)
    if not whole or math.prod(shape) * np.dtype(dtype).itemsize != len(buffer):
        raise InputError(f"theta.bin contains an array whose shape does not match its {len(buffer)} bytes")
    array = np.frombuffer(buffer, dtype=dtype).reshape(shape)
    if not np.isfinite(array).all():
        raise InputError("theta.bin contains numbers that are not finite")
    return array


# --- config.yml


class _Plain(yaml.SafeLoader):  # type: ignore[misc]
    """Safe YAML; an ml_collections ConfigDict is read as a mapping, and no object is created.

    There are no merge keys, which can make a small file grow without bound, and no numbers of hundreds of digits.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.YAMLError("merge keys (<<) are not read")
        super().flatten_mapping(node)

    def construct_scalar(self, node: yaml.Node) -> Any:
        if node.tag.rpartition(":")[2] in ("int", "float") and len(str(node.value)) > LONGEST_NUMBER:
            raise yaml.YAMLError(f"a number has more than {LONGEST_NUMBER} characters")
        return super().construct_scalar(node)


def _config_dict(loader: _Plain, _: str, node: yaml.Node) -> Any:
    if not isinstance(node, yaml.MappingNode):
        raise yaml.YAMLError("a ConfigDict must be a mapping")
    table = loader.construct_mapping(node, deep=True)
    return table.get("_fields", table)


_Plain.add_multi_constructor(CONFIG_DICT, _config_dict)


def _settings(content: bytes) -> Table:
    if len(content) > LARGEST_CONFIG:
        raise InputError(f"config.yml has {len(content):,} bytes; at most {LARGEST_CONFIG:,} are read")
    try:
        settings = yaml.load(content, _Plain)
    except yaml.MarkedYAMLError as error:
        where = f" (line {error.problem_mark.line + 1})" if error.problem_mark is not None else ""
        raise InputError(f"config.yml is not plain YAML{where}") from None
    except yaml.reader.ReaderError:
        raise InputError("config.yml is not plain YAML: it contains characters that are not text") from None
    except yaml.YAMLError as error:  # one of those above
        raise InputError(f"config.yml is not plain YAML: {error}") from None
    except (RecursionError, ValueError, TypeError, OverflowError):
        raise InputError("config.yml is not plain YAML") from None
    if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
        raise InputError("config.yml must be a mapping of settings, as in 'num_units: 256'")
    return settings


def _number(settings: Table, name: str, default: float | None = None) -> float:
    value = settings.get(name, default)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30:  # false for NaN
        return float(value)
    raise InputError(f"{name} in config.yml must be a finite number")


def _features(settings: Table) -> Table:
    """The input features of the cell."""
    scale = settings.get("input_scale")
    known = {"raw": {"features": "raw"}, "log1p": {"features": "log_sign"}}
    if isinstance(scale, str):
        if scale not in known:
            raise InputError("input_scale in config.yml must be a number, raw or log1p")
        return known[scale]
    return {"features": "scaled", "feature_scale": _number(settings, "input_scale")}


# --- cells


def _stack(maps: list[Linear], biases: dict[int, float] | None = None) -> dict[str, Array]:
    """The stacked weights of all gates."""
    b = [gate.b + np.asarray((biases or {}).get(i, 0.0), gate.b.dtype) for i, gate in enumerate(maps)]
    try:
        joined = {name: np.concatenate([getattr(gate, name) for gate in maps]) for name in ("A", "W")}
        bias = np.concatenate(b)
    except ValueError:
        raise InputError("the gates in theta.bin have shapes that do not match") from None
    return {"weight_ih": joined["A"], "weight_hh": joined["W"], "bias_ih": bias, "bias_hh": np.zeros_like(bias)}


def _gru(cell: Table, settings: Table) -> dict[str, Array]:
    gates = [cell[name] for name in ("reset_gate", "update_gate", "cell_state")]
    return _stack(gates, {1: _number(settings, "gate_bias", 0.0)})


def _lstm(cell: Table, settings: Table) -> dict[str, Array]:
    gates = [cell[name] for name in ("update_gate", "forget_gate", "cell_state", "output_gate")]
    return _stack(gates, {1: _number(settings, "forget_bias", 1.0)})


def _vanilla(cell: Table, settings: Table) -> dict[str, Array]:
    return _stack([cell["weights"]])


Read = Callable[[Table, Table], dict[str, Array]]
CELLS: dict[frozenset[str], tuple[str, Read]] = {  # by the names of a cell's weights
    frozenset({"reset_gate", "update_gate", "cell_state"}): ("gru", _gru),
    frozenset({"forget_gate", "update_gate", "output_gate", "cell_state"}): ("lstm", _lstm),
    frozenset({"weights"}): ("vanilla", _vanilla),
}


def _only_layer(cell: Table) -> Table:
    """The cell in a StackedCell of one layer, with the stack's initial state; any other cell unchanged."""
    layers = cell.get("weights")
    if not isinstance(layers, list | tuple):
        return cell
    if (
        len(layers) != 1
        or not isinstance(layers[0], tuple)
        or len(layers[0]) != 2
        or not isinstance(layers[0][0], dict)
    ):
        raise InputError(f"theta.bin stacks {len(layers)} cells; only a single cell is supported")
    return {**layers[0][0], "initial_state": cell.get("initial_state")}


def _cell(content: Any) -> tuple[Table, str, Read]:
    if not isinstance(content, dict):
        raise InputError("theta.bin must contain (cell, readout) from metaopt.models.cwrnn")
    cell = _only_layer(content)
    names = frozenset(cell) - {"initial_state"}
    if names == {"update_gate", "cell_state"}:
        raise InputError("theta.bin contains a UGRNN; the supported cells are GRU, LSTM and VanillaRNN")
    if names not in CELLS or not all(isinstance(cell[name], Linear) for name in names):
        raise InputError("theta.bin contains an unknown cell; the supported cells are GRU, LSTM and VanillaRNN")
    if not isinstance(cell.get("initial_state"), Array):
        raise InputError("the cell in theta.bin has no initial_state")
    return cell, *CELLS[names]


def _readout(content: Any, units: int, entries: int) -> tuple[Array, Array]:
    """w [units] and c, from the Dense layer's (W [state, 1], b [1])."""
    if not (isinstance(content, tuple) and len(content) == 2 and all(isinstance(part, Array) for part in content)):
        raise InputError("the readout in theta.bin must be one dense layer: weights and bias")
    weight, bias = content
    if weight.shape != (entries, 1) or bias.shape != (1,):
        raise InputError(f"the readout in theta.bin must have shapes {[entries, 1]} and [1], not {[*weight.shape]}")
    if weight[units:].any():
        raise InputError(
            "the readout in theta.bin also uses the LSTM's cell state c; only a readout of its hidden state h is supported"
        )
    return weight[:units, 0], bias[0]


def read_renn(theta: bytes, config: bytes) -> tuple[Architecture, dict[str, Tensor], int]:
    """Read a learned optimizer of renn's.

    Args:
        theta: content of ``theta.bin``.
        config: content of ``config.yml``; the settings used are ``input_scale``, ``output_scale``, ``num_units``, ``num_outer_steps``,
            ``gate_bias`` and ``forget_bias``.

    Returns:
        Its architecture, its θ in float32, and the number of outer steps it was trained for; 0 if unknown.

    Raises:
        InputError: a file is damaged, too large or not supported.
    """
    if len(theta) > LARGEST:
        raise InputError(f"theta.bin has {len(theta):,} bytes; at most {LARGEST:,} are read")
    settings, content = _settings(config), _unpack(theta)
    if not (isinstance(content, tuple | list) and len(content) == 2):
        raise InputError("theta.bin must contain (cell, readout) from metaopt.models.cwrnn")
    cell, kind, read = _cell(content[0])
    start = cell["initial_state"]
    units = start.size // (2 if kind == "lstm" else 1)
    if "num_units" in settings and settings["num_units"] != units:
        raise InputError(f"num_units in config.yml must be the {units} units of theta.bin")
    weight, bias = _readout(content[1], units, start.size)
    arrays = {**read(cell, settings), "readout_weight": weight, "readout_bias": bias, "initial_state": start}
    try:
        architecture = Architecture(
            cell=kind,  # type: ignore[arg-type]
            units=units,
            reset="before" if kind == "gru" else "after",
            output_scale=_number(settings, "output_scale"),
            **_features(settings),
        )
    except ValidationError as error:
        raise InputError(f"config.yml: {sentence(error, quote=False)}") from None
    steps = settings.get("num_outer_steps", 0)
    trained = steps if isinstance(steps, int) and not isinstance(steps, bool) and 0 <= steps <= 1_000_000 else 0
    return architecture, {name: torch.tensor(array, dtype=torch.float32) for name, array in arrays.items()}, trained
