"""Only plain files are opened, only as large as they may be, and without waiting."""

import os
import socket

import pytest

from core.errors import InputError
from core.files.plain import is_plain, read_plain


def test_a_plain_file_is_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    assert read_plain(path, 1000) == b"x" * 1000 and is_plain(path)
    with pytest.raises(InputError, match="it has 1,000 bytes, and at most 999 are read"):
        read_plain(path, 999)
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "none", 1)
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "a\0b", 1)


def test_nothing_else_is(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    (tmp_path / "link").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name, words in (("link", "a link"), ("pipe", "a pipe"), ("folder", "a folder"), ("socket", "")):
            with pytest.raises(InputError, match=f"{name} cannot be read: .*{words}") as refused:
                read_plain(tmp_path / name, 100)
            assert "secret" not in str(refused.value).rpartition("/")[2] and not is_plain(tmp_path / name)
    with pytest.raises(InputError, match="a device"):
        read_plain(tmp_path.__class__("/dev/zero"), 100)
