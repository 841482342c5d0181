"""Writes tests/data/renn: learned optimizers in renn's own format, and renn's results with them.

Runs in the environment that ``make bench`` makes for renn: ``.venv-peer/bin/python -m tools.renn_reference``. The settings are dumped as
renn's authors did, as a tagged ml_collections ConfigDict.
"""

import json
from pathlib import Path

import jax
import numpy as np
from jax.example_libraries import stax

from benchmarks.renn_import import metaopt, renn

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "data" / "renn"
STEPS, ROWS = 12, 5
TAG = "!!python/object:ml_collections.config_dict.config_dict.ConfigDict"


def _random(theta, key, hidden_only):  # type: ignore[no-untyped-def]
    """Weights as large as trained ones; renn starts with a readout of zeros."""
    leaves, tree = jax.tree_util.tree_flatten(theta)
    keys = jax.random.split(key, len(leaves))
    made = [np.array(0.4 * jax.random.normal(k, leaf.shape)) for k, leaf in zip(keys, leaves, strict=True)]
    cell, (weight, bias) = jax.tree_util.tree_unflatten(tree, made)
    if hidden_only:
        weight[len(weight) // 2 :] = 0
    return cell, (weight, bias)


def _config(settings: dict[str, object]) -> str:
    lines = [f"  {name}: {value}" for name, value in settings.items()]
    return "\n".join([TAG, "_convert_dict: true", "_fields:", *lines, "_locked: true", "_type_safe: true", ""])


def make(name: str, cell, units: int, settings: dict[str, object], seed: int, **bias: float) -> None:  # type: ignore[no-untyped-def]
    """One optimizer: theta.bin, config.yml and reference.json."""
    key = jax.random.PRNGKey(seed)
    scales = {"input_scale": settings["input_scale"], "output_scale": settings["output_scale"]}
    theta, optimizer = metaopt.models.cwrnn(key, cell, **scales)
    theta = _random(theta, key, name == "lstm")
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "theta.bin").write_bytes(renn.dumps(theta))
    (folder / "config.yml").write_text(_config({**settings, **bias, "num_units": units, "seed": seed}))
    init, update, get = optimizer(theta)
    gradients = np.array(jax.random.normal(key, (STEPS, ROWS))) * np.array([1e-3, 0.1, 1.0, -1.0, 10.0])
    state = init(np.zeros(ROWS))
    x = [np.array(get(state)).tolist()]
    for k, gradient in enumerate(gradients):
        state = update(k, gradient, state)
        x.append(np.array(get(state)).tolist())
    h = np.array(jax.tree_util.tree_leaves(state)[-1]).tolist()
    reference = {"gradients": gradients.tolist(), "x": x, "state": h}
    (folder / "reference.json").write_text(json.dumps(reference) + "\n")


def main() -> None:
    """All of them."""
    published = {"num_layers": 1, "num_inner_steps": 201, "num_outer_steps": 5000, "task": "quadratic"}
    stacked = renn.StackedCell([(renn.GRU(12), stax.Identity)])  # as in renn's notebook
    make("gru", stacked, 12, {**published, "input_scale": 0.7, "output_scale": 0.5}, 0)
    make("gru_bias", renn.GRU(12, gate_bias=1.5), 12, {"input_scale": "log1p", "output_scale": 0.1}, 1, gate_bias=1.5)
    make("lstm", renn.LSTM(8), 8, {"input_scale": "raw", "output_scale": 1.0}, 2)
    make("vanilla", renn.VanillaRNN(12), 12, {"input_scale": "raw", "output_scale": 1.0}, 3)
    make("ugrnn", renn.UGRNN(4), 4, {"input_scale": "raw", "output_scale": 1.0}, 4)


if __name__ == "__main__":
    main()
