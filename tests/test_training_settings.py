"""The table in docs/training.md lists the settings as they are."""

from core.runs.options import SETTINGS
from tools import training_settings


def test_the_table_is_that_of_the_settings():
    text = training_settings.DOCUMENT.read_text(encoding="utf-8")
    assert training_settings.updated(text) == text, "run `.venv/bin/python -m tools.training_settings`"
    assert all(setting.description in text for setting in SETTINGS)
