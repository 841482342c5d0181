"""The data that the server writes into every page for the browser: the import map of the modules, and shared tables."""

import base64
import functools
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.shared.pages import PAGES
from app.shared.read_only import read_only
from core import plugins
from core.files.atomic import data_folder
from core.optimizers.hand_designed import HAND_DESIGNED
from core.runs.states import STATES

ASSETS = data_folder(Path(__file__).resolve().parents[1], "assets")
IMPORT = re.compile(r'^(?:import|export) (?:[^;"]* from )?"([^"]+)";$', re.MULTILINE)  # the imported path
LATER = re.compile(r'import\("([^"]+)"\)')  # a path that is imported when it is needed
FLAT = "vendor/plotly-cartesian.min.js"  # the part of Plotly that draws in a plane
NOT_FOR_DASH = r"\.mjs$|plotly-cartesian"  # assets that Dash must not load: modules are imported by name, Plotly where it is needed


@functools.cache
def versions() -> dict[str, str]:
    """Digests of the content of modules and of Plotly, by path within the assets."""
    paths = [*sorted(ASSETS.rglob("*.mjs")), ASSETS / FLAT]
    return {path.relative_to(ASSETS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in paths}


def import_map(address: Callable[[str], str]) -> dict[str, Any]:
    """An import map for names such as ``#shared/numbers.mjs``.

    Args:
        address: gives the address of the module at a path within the assets; if it changes with the content, it can be cached forever.
    """
    return {"imports": {f"#{path}": address(path) for path in versions() if path != FLAT}}


def data_map(entry: str) -> dict[str, Any]:
    """The import map of a page without a server: it contains an entry module and everything that it imports.

    Args:
        entry: path of the entry module.
    """
    needed: dict[str, str] = {}
    open_ = [entry]
    while open_:
        path = open_.pop()
        if path in needed:
            continue
        needed[path] = (ASSETS / path).read_text(encoding="utf-8")
        named = (*IMPORT.findall(needed[path]), *LATER.findall(needed[path]))
        open_ += [name.removeprefix("#") for name in named if name.startswith("#")]
    return {
        "imports": {
            f"#{path}": "data:text/javascript;base64," + base64.b64encode(text.encode()).decode()
            for path, text in needed.items()
        }
    }


def browser_tables() -> dict[str, Any]:
    """What the browser is told: pages with the link fields that it writes, states of a run, optimizers without a training of ours,
    titles of the hand-designed ones, and read-only."""
    return {
        "pages": {
            name: {
                "name": page.title,
                "path": page.path,
                "module": f"#{name}/main.mjs" if f"{name}/main.mjs" in versions() else "",
                "link": page.links.written_defaults(page.kept_by_browser),
                "takes": page.takes,
                "draws": page.draws,
            }
            for name, page in PAGES.items()
        },
        "states": {name: asdict(state) for name, state in STATES.items()},
        "untrained": [*HAND_DESIGNED, *plugins.OPTIMIZERS, *plugins.WRAPPED],
        "titles": {name: row.title for name, row in HAND_DESIGNED.items()},
        "readOnly": read_only(),
    }


def json_script(kind: str, value: Any, **attributes: str) -> str:
    """A script element with JSON, escaped so that its content cannot close it."""
    text = value if isinstance(value, str) else json.dumps(value)
    more = "".join(f' {name}="{entry}"' for name, entry in attributes.items())
    return f'<script type="{kind}"{more}>' + text.replace("<", "\\u003c") + "</script>"


def favicon() -> str:
    """The icon of the browser's tab. It is part of the page: some browsers ask for an icon again whenever the address changes."""
    drawing = (ASSETS / "favicon.svg").read_bytes()
    return (
        f'<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}">'
    )


def head(address: Callable[[str], str]) -> str:
    """What every page begins with: its icon, the import map and the tables.

    Args:
        address: gives the address of the module at a path within the assets.
    """
    tables = json_script("application/json", browser_tables(), id="loptscope-tables")
    return favicon() + json_script("importmap", import_map(address)) + tables
