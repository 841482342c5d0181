"""renn's files, read back: against what renn itself computed with them, and against an independent writer."""

import json
from pathlib import Path

import msgpack
import numpy as np
import pytest
import torch
import yaml

from core.errors import InputError
from core.optimizers import RecurrentOptimizer
from core.runs.renn import LARGEST, LARGEST_CONFIG, read_renn

DATA = Path(__file__).parents[2] / "data" / "renn"


def stored(name):
    folder = DATA / name
    return (folder / "theta.bin").read_bytes(), (folder / "config.yml").read_bytes()


def packed_array(array, dtype=None):
    data = msgpack.packb((array.tobytes(), dtype or array.dtype.str, array.shape), use_bin_type=True)
    return msgpack.ExtType(1, data)


def packed_tuple(*items):
    return msgpack.ExtType(2, msgpack.packb(list(items)))


def packed_linear(*arrays):
    return msgpack.ExtType(3, msgpack.packb(packed_tuple(*(packed_array(array) for array in arrays))))


def single(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("<f4")


def vanilla(units=3, inputs=1, **changes):
    """The parts of a VanillaRNN's θ, some of them changed."""
    cell = {
        "initial_state": packed_array(single(units)),
        "weights": packed_linear(single(units, inputs), single(units, units), single(units)),
    }
    readout = packed_tuple(packed_array(single(units, 1)), packed_array(single(1)))
    parts = {"cell": {**cell, **changes.pop("cell", {})}, "readout": readout, **changes}
    return msgpack.packb(packed_tuple(parts["cell"], parts["readout"]))


def config(**changes):
    return yaml.safe_dump({"input_scale": "raw", "output_scale": 1.0, **changes}).encode()


@pytest.mark.parametrize(
    ("name", "units", "features"),
    [("gru", 12, "scaled"), ("gru_bias", 12, "log_sign"), ("lstm", 8, "raw"), ("vanilla", 12, "raw")],
)
def test_it_steps_as_renn_does(name, units, features):
    architecture, theta, outer_steps = read_renn(*stored(name))
    assert (architecture.units, architecture.features) == (units, features)
    assert outer_steps == (5000 if name == "gru" else 0)
    optimizer = RecurrentOptimizer(architecture, theta).to(torch.float64)
    reference = json.loads((DATA / name / "reference.json").read_text())
    gradients = torch.tensor(reference["gradients"], dtype=torch.float64)
    x, state = torch.zeros(gradients.shape[1], dtype=torch.float64), optimizer.initial_state(5, torch.float64)
    for gradient, expected in zip(gradients, reference["x"][1:], strict=True):
        state, update = optimizer.step(state, gradient)
        x = x + update
        torch.testing.assert_close(x, torch.tensor(expected, dtype=torch.float64), atol=1e-5, rtol=1e-5)
    assert float(x.abs().max()) > 0.1  # it moved
    torch.testing.assert_close(state, torch.tensor(reference["state"], dtype=torch.float64), atol=1e-5, rtol=1e-5)


def test_an_independent_writer_is_read_and_plain_yaml_too():
    architecture, theta, _ = read_renn(vanilla(), config(input_scale=2, output_scale=0.5))
    assert architecture.label == "RNN-3"
    assert (architecture.features, architecture.feature_scale, architecture.output_scale) == ("scaled", 2.0, 0.5)
    assert np.array_equal(theta["weight_hh"].numpy(), single(3, 3))
    assert np.array_equal(theta["readout_weight"].numpy(), single(3, 1)[:, 0])


def test_double_precision_is_rounded():
    start = np.array([0.1, 0.2, 0.3])
    theta = read_renn(vanilla(cell={"initial_state": packed_array(start)}), config())[1]
    assert np.array_equal(theta["initial_state"].numpy(), start.astype(np.float32))


def nested(depth):
    inner = packed_tuple(1)
    for _ in range(depth):
        inner = packed_tuple(inner)
    return msgpack.packb(inner)


REFUSED = {
    "a UGRNN": (stored("ugrnn"), "UGRNN; the supported cells are GRU, LSTM and VanillaRNN"),
    "no msgpack": ((b"\xc1nonsense", config()), "damaged or not in renn's format"),
    "empty": ((b"", config()), "damaged or not in renn's format"),
    "cut short": ((vanilla()[:-9], config()), "damaged or not in renn's format"),
    "more behind it": ((vanilla() + b"x", config()), "damaged or not in renn's format"),
    "too large": ((b"\x00" * (LARGEST + 1), config()), "at most 67,108,864 are read"),
    "a number": ((msgpack.packb(3), config()), "must contain (cell, readout)"),
    "too deep": ((nested(12), config()), "nests deeper than 8 levels"),
    "too many": ((msgpack.packb(list(range(100))), config()), "damaged or not in renn's format"),
    "another extension": ((msgpack.packb(msgpack.ExtType(7, b"")), config()), "extension type 7"),
    "objects": (
        (vanilla(cell={"initial_state": packed_array(single(3), "|O")}), config()),
        "an array of another type; only <f4 and <f8 are supported",
    ),
    "integers": ((vanilla(cell={"initial_state": packed_array(np.arange(3))}), config()), "an array of another type"),
    "a shape that lies": (
        (vanilla(cell={"initial_state": msgpack.ExtType(1, msgpack.packb((b"1234", "<f4", [10**9])))}), config()),
        "does not match its 4 bytes",
    ),
    "a negative shape": (
        (vanilla(cell={"initial_state": msgpack.ExtType(1, msgpack.packb((b"1234", "<f4", [-1, -1])))}), config()),
        "does not match its 4 bytes",
    ),
    "NaN": ((vanilla(cell={"initial_state": packed_array(single(3) * np.nan)}), config()), "not finite"),
    "no start": ((vanilla(cell={"initial_state": None}), config()), "no initial_state"),
    "another cell": ((vanilla(cell={"gates": 1}), config()), "an unknown cell"),
    "weights that are none": ((vanilla(cell={"weights": 5}), config()), "an unknown cell"),
    "two layers": ((vanilla(cell={"weights": [1, 2]}), config()), "stacks 2 cells; only a single cell"),
    "another readout": ((vanilla(readout=packed_tuple()), config()), "must be one dense layer"),
    "two outputs": (
        (vanilla(readout=packed_tuple(packed_array(single(3, 2)), packed_array(single(2)))), config()),
        "must have shapes [3, 1] and [1], not [3, 2]",
    ),
    "other units": ((vanilla(), config(num_units=4)), "num_units in config.yml must be the 3 units of theta.bin"),
    "no scale": ((vanilla(), config(output_scale=None)), "output_scale in config.yml must be a finite number"),
    "a scale of 0": ((vanilla(), config(input_scale=0)), "feature_scale should be greater than 0"),
    "another input": ((vanilla(), config(input_scale="sqrt")), "must be a number, raw or log1p"),
    "a list": ((vanilla(), b"- 1\n"), "config.yml must be a mapping"),
    "an object": ((vanilla(), b"!!python/object/apply:os.system ['true']"), "config.yml is not plain YAML"),
    "a large config": ((vanilla(), b"#" * (LARGEST_CONFIG + 1)), "at most 65,536 are read"),
    "aliases": (
        (
            vanilla(),
            b"output_scale: 1\na0: &a0 [x]\n"
            + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 99))
            + b"input_scale: *a98",
        ),
        "input_scale in config.yml must be a finite number",
    ),
    "a huge number": ((vanilla(), config(output_scale=10**400)), "a number has more than 100 characters"),
    "a merge bomb": (
        (
            vanilla(),
            b"a: &a {x: 1}\n" + b"".join(b"b%d: {<<: [%s]}\n" % (i, b", ".join([b"*a"] * 9)) for i in range(9)),
        ),
        "config.yml is not plain YAML: merge keys (<<) are not read",
    ),
    "an infinite number": ((vanilla(), config(output_scale=float("inf"))), "must be a finite number"),
    "a deep config": ((vanilla(), b"[" * 30_000), "config.yml is not plain YAML"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_refused_in_one_sentence(case):
    given, message = REFUSED[case]
    with pytest.raises(InputError) as refused:
        read_renn(*given)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_lstm_whose_readout_reads_its_cell_state_is_refused():
    theta, settings = stored("lstm")
    cell, readout = msgpack.unpackb(msgpack.unpackb(theta).data)
    weight = packed_array(np.ones((16, 1), "<f4"))
    changed = packed_tuple(weight, msgpack.unpackb(readout.data)[1])
    with pytest.raises(InputError, match="also uses the LSTM's cell state"):
        read_renn(msgpack.packb(packed_tuple(cell, changed)), settings)
