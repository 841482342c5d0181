import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.files import append_only as lines
from core.files.append_only import forget, whole_lines


@given(
    parts=st.lists(st.binary(max_size=40), max_size=12),
    asked=st.lists(st.tuples(st.integers(0, 40), st.none() | st.integers(0, 40)), min_size=1, max_size=5),
    every=st.integers(1, 5),
    chunk=st.integers(1, 50),
)
def test_as_by_reading_everything(tmp_path_factory, parts, asked, every, chunk):
    path = tmp_path_factory.mktemp("lines") / "file"
    content = b""
    kept = lines.EVERY, lines.CHUNK
    lines.EVERY, lines.CHUNK = every, chunk
    try:
        for part in [b"", *parts]:
            with path.open("ab") as file:
                file.write(part)
            content += part
            expected = content.split(b"\n")[:-1]
            for after, most in asked:
                assert whole_lines(path, after, most) == expected[after:][:most]
    finally:
        lines.EVERY, lines.CHUNK = kept


def test_a_file_that_is_replaced_or_cut(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a\nb\nc\n")
    assert whole_lines(path, 1) == [b"b", b"c"]
    (tmp_path / "new").write_bytes(b"longer\nthan\nbefore\nhere\n")
    (tmp_path / "new").replace(path)
    assert whole_lines(path, 1, 2) == [b"than", b"before"]
    path.write_bytes(b"x\n")
    assert whole_lines(path, 0) == [b"x"]
    forget(path)
    assert whole_lines(path, 0) == [b"x"]
    path.unlink()
    with pytest.raises(FileNotFoundError):
        whole_lines(path, 0)


def test_only_so_many_files_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "FILES", 3)
    for number in range(6):
        (tmp_path / str(number)).write_bytes(b"a\n")
        assert whole_lines(tmp_path / str(number), 0) == [b"a"]
    assert len(lines._known) <= 3
