"""A run's display title and note, in ``RUN/label.json``. The folder keeps its name, so links still work."""

import unicodedata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.errors import InputError, UnknownError, sentence
from core.files.atomic import read_json, write_json

LABEL_FILE = "label.json"


def _plain(text: str) -> str:
    """Text without invisible characters, except line ends."""
    kept = (char for char in text.replace("\r\n", "\n") if char == "\n" or unicodedata.category(char)[0] != "C")
    return "".join(kept).strip()


class Label(BaseModel):
    """A display title and a note.

    Attributes:
        title: shown instead of the name; "" shows the name.
        note: free text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["loptscope-label/1"] = "loptscope-label/1"
    title: str = Field(default="", max_length=80)
    note: str = Field(default="", max_length=2000)

    @field_validator("title")
    @classmethod
    def _one_line(cls, title: str) -> str:
        return _plain(" ".join(title.split()))

    @field_validator("note")
    @classmethod
    def _visible(cls, note: str) -> str:
        return _plain(note)


def read_label(path: Path) -> Label:
    """The label of a run's folder; an empty one if it is missing or damaged."""
    try:
        return read_json(path / LABEL_FILE, Label, 64 * 1024)
    except InputError:
        return Label()


def write_label(path: Path, changes: dict[str, Any]) -> Label:
    """Change the title, the note or both.

    Args:
        path: the run's folder.
        changes: "title" and "note"; a missing key keeps its value.

    Raises:
        InputError: a value is too long, or not text.
        UnknownError: the folder was deleted in the meantime.
    """
    try:
        label = Label.model_validate({**read_label(path).model_dump(), **changes}, strict=True)
    except ValidationError as error:
        raise InputError(sentence(error)) from None
    try:
        write_json(path / LABEL_FILE, label, parents=False)
    except FileNotFoundError:
        raise UnknownError(f"{path.name} no longer exists") from None
    return label
