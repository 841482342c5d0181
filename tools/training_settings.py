"""Write the table of training settings in docs/training.md: ``.venv/bin/python -m tools.training_settings``."""

from pathlib import Path

from core.files.atomic import write_bytes
from core.runs.options import SETTINGS
from core.settings import GROUPS, Setting
from core.tasks import TASKS
from tools.marked import with_table

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "training.md"


def _default(setting: Setting) -> str:
    """Its default; a dash if it is required, or unless something is given."""
    if setting.default is None:
        return "none" if setting.kind in ("whole", "number") else "–"
    return "–" if setting.kind == "text" else f"{setting.default}"


def _allowed(setting: Setting) -> str:
    """Its values or its limits."""
    if setting.kind == "choice":
        return ", ".join(TASKS if setting.name == "task" else setting.choices)
    if setting.kind == "switch":
        return "yes or no"
    if setting.kind == "text":
        return "NAME=JSON, can be repeated"
    high = setting.high
    limits = f"above {setting.low:,}" if setting.above else f"from {setting.low:,}"
    if high is not None:
        limits = f"{setting.low:,} to {high:,}"
    return f"{limits}, or none" if setting.optional else limits


def _option(setting: Setting) -> str:
    name = setting.name.replace("_", "-")
    if setting.kind == "switch":
        return f"`--{name}`, `--no-{name}`"
    return f"`--{name.removesuffix('s')}`" if setting.kind == "text" else f"`--{name}`"


def table() -> str:
    """One line for each setting, by group."""
    lines = ["| option | default | allowed | description |", "|---|---|---|---|"]
    for group in GROUPS:
        lines.append(f"| **{group}** | | | |")
        for setting in (row for row in SETTINGS if row.group == group):
            cells = (_option(setting), _default(setting), _allowed(setting), setting.description)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def updated(text: str) -> str:
    """The document with the current table."""
    return with_table(text, table())


if __name__ == "__main__":
    write_bytes(DOCUMENT, updated(DOCUMENT.read_text(encoding="utf-8")).encode())
