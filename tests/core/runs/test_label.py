import json

import pytest

from core.errors import InputError, UnknownError
from core.runs.label import LABEL_FILE, Label, read_label, write_label


def test_what_is_left_out_stays(tmp_path):
    assert read_label(tmp_path) == Label()
    write_label(tmp_path, {"title": "  My \n run\t1 "})
    write_label(tmp_path, {"note": "first\r\nsecond\u0000\u202e\n"})
    assert read_label(tmp_path) == Label(title="My run 1", note="first\nsecond")
    assert json.loads((tmp_path / LABEL_FILE).read_text())["format"] == "loptscope-label/1"
    write_label(tmp_path, {"title": ""})
    assert read_label(tmp_path).title == "" and read_label(tmp_path).note == "first\nsecond"


@pytest.mark.parametrize(
    "changes",
    [{"title": 3}, {"title": None}, {"note": ["x"]}, {"title": "x" * 81}, {"note": "x" * 2001}, {"name": "x"}],
)
def test_nonsense_is_refused_and_nothing_written(tmp_path, changes):
    with pytest.raises(InputError) as refused:
        write_label(tmp_path, changes)
    assert "\n" not in str(refused.value) and not list(tmp_path.iterdir())


def test_a_damaged_label_is_none(tmp_path):
    (tmp_path / LABEL_FILE).write_text('{"title": 3}')
    assert read_label(tmp_path) == Label()


def test_a_folder_that_is_gone_is_not_made_again(tmp_path):
    with pytest.raises(UnknownError, match="gone no longer exists"):
        write_label(tmp_path / "gone", {"title": "x"})
    assert not list(tmp_path.iterdir())
