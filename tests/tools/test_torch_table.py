"""The table of torch's optimizers in the documents is what wrapping them comes to."""

import pytest

from tools.torch_table import FILE, write


@pytest.mark.long
def test_the_table_is_what_comes_out() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert write(text) == text and "| wrong |" not in text
