import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from pydantic import BaseModel, ConfigDict

from core.errors import InputError
from core.files.atomic import read_json, read_tensors, write_bytes, write_json, write_tensors


class Sheet(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    values: list[float]


TENSORS = {
    "a": torch.arange(6, dtype=torch.float32).view(2, 3),
    "b": torch.tensor(3, dtype=torch.int64),
    "c": torch.zeros(0, 4, dtype=torch.float64),
}


def test_json_round_trip(tmp_path):
    path = tmp_path / "deep" / "er" / "sheet.json"
    write_json(path, Sheet(name="µ", values=[0.1, 2]))
    assert read_json(path, Sheet) == Sheet(name="µ", values=[0.1, 2.0])
    assert json.loads(path.read_text()) == {"name": "µ", "values": [0.1, 2.0]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"name": "x"}',
        b'{"name": "x", "values": ["y"]}',
        b'{"values": []}',
        b"null",
        b'{"name": "x", "values": [], "more": 1}',
    ],
)
def test_damaged_json_is_refused_by_name(tmp_path, content):
    path = tmp_path / "sheet.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"sheet\.json is damaged or not a Sheet file: [^\n]+$"):
        read_json(path, Sheet)


def test_missing_json_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"none\.json does not exist"):
        read_json(tmp_path / "none.json", Sheet)
    with pytest.raises(InputError, match="cannot be read"):
        read_json(tmp_path, Sheet)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_has_no_nan(tmp_path, value):
    write_json(tmp_path / "x.json", {"v": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"v": value})
    assert json.loads((tmp_path / "x.json").read_text()) == {"v": 1.0}


def test_tensors_round_trip(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS | {"t": TENSORS["a"].T.requires_grad_()}, {"format": "test/1", "step": "3"})
    tensors_read, metadata = read_tensors(path, "test/1")
    assert metadata == {"format": "test/1", "step": "3"}
    for name, expected in (TENSORS | {"t": TENSORS["a"].T}).items():
        assert tensors_read[name].dtype == expected.dtype and torch.equal(tensors_read[name], expected)


def damaged(path, how):
    if how == "truncated":
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    elif how == "shortened":
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "lengthened":
        path.write_bytes(path.read_bytes() + b"more")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "pickle":
        path.write_bytes(pickle.dumps({"weight": [1.0, 2.0]}))
    elif how == "torch.save":
        torch.save(TENSORS, path)
    elif how == "header":
        path.write_bytes((10**18).to_bytes(8, "little") + b"{}")
    elif how == "foreign":
        safetensors.numpy.save_file({"a": np.zeros(3)}, path)
    elif how == "another format":
        write_tensors(path, TENSORS, {"format": "other/1"})


@pytest.mark.parametrize(
    "how, words",
    [
        *[(how, "is damaged or not a safetensors file") for how in ("truncated", "shortened", "lengthened", "empty")],
        *[(how, "is damaged or not a safetensors file") for how in ("pickle", "torch.save", "header")],
        ("foreign", "is of another program or another format"),
        ("another format", "must be 'test/1'"),
    ],
)
def test_damaged_tensors_are_refused_by_name(tmp_path, how, words):
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"format": "test/1"})
    damaged(path, how)
    with pytest.raises(InputError) as caught:
        read_tensors(path, "test/1")
    assert str(path) in str(caught.value) and words in str(caught.value)


def test_nothing_is_unpickled(tmp_path):
    path, witness = tmp_path / "x.safetensors", tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(witness),)

    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError):
        read_tensors(path, "test/1")
    assert not witness.exists()


def test_missing_tensors_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"none\.safetensors does not exist"):
        read_tensors(tmp_path / "none.safetensors", "test/1")


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_failure_in_the_middle_leaves_the_old_file_alone(tmp_path, monkeypatch, name):
    path = tmp_path / "x"
    write_bytes(path, b"old")

    def fail(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_whole_before_it_has_its_name(tmp_path, monkeypatch):
    path, seen, replace = tmp_path / "x", [], os.replace
    write_bytes(path, b"old")

    def look(source, target):
        seen.append((Path(source).read_bytes(), path.read_bytes()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    write_bytes(path, b"new")
    assert seen == [(b"new", b"old")] and path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
