"""A view of Explore as one HTML file that scrubs, plays and exports without a network or a server."""

import base64
import json
from html import escape

from plotly.io import to_json

from app.pages.explore.bundles import bundle_bytes
from app.pages.explore.draw import draw
from app.pages.explore.panels import PANELS, Panel
from app.pages.explore.view import SPEEDS, View, columns, to_query
from app.shared.browser import ASSETS, FLAT, data_map, json_script
from app.shared.icons import icon_style
from app.shared.style import THEMES

STYLES = ("explore/explore.css", "shared/style.css", "shared/dialogs.css")
ENTRY = "explore/saved.mjs"
PLAYER = {
    "step-back": ("One step back (left arrow)", ("back",)),
    "play": ("Play (space)", ("play", "pause")),
    "step-forward": ("One step forward (right arrow)", ("forward",)),
}


def _script(text: str) -> str:
    """A script element; closing tags in its text are escaped."""
    return "<script>" + text.replace("</script", "<\\/script") + "</script>"


def _fonts() -> dict[str, str]:
    """The font of exported figures by weight, in base 64."""
    files = {"400": "dejavu-sans.ttf", "700": "dejavu-sans-bold.ttf"}
    return {
        weight: base64.b64encode((ASSETS / "vendor" / file).read_bytes()).decode() for weight, file in files.items()
    }


def _panel(panel: Panel) -> str:
    name, about = panel.name, escape(panel.about)
    title = escape(panel.title)
    note = f'<p class="panel-note">{escape(panel.note)}</p>' if panel.note else ""
    return (
        f'<section id="{name}-panel" class="panel" aria-label="{title}: {about}" data-panel="{name}" data-column="0">'
        f'<div class="panel-head"><h2 title="{about}">{title}</h2>'
        f'<div class="readout" data-panel="{name}" aria-hidden="true"></div>{note}</div>'
        '<div class="plot"><canvas class="under" aria-hidden="true"></canvas>'
        f'<div class="graph" id="{name}-graph"></div><canvas class="over" aria-hidden="true"></canvas></div></section>'
    )


def _timeline(view: View) -> str:
    buttons = "".join(
        f'<button type="button" id="{name}" class="player" title="{label}" aria-label="{label}">'
        + "".join(f"<span class='glyph' style='--icon: {icon_style(one)}' aria-hidden='true'></span>" for one in icons)
        + "</button>"
        for name, (label, icons) in PLAYER.items()
    )
    speeds = "".join(
        f'<option value="{speed}"{" selected" if speed == view.speed else ""}>{speed} steps/s</option>'
        for speed in SPEEDS
    )
    return (
        f'<div class="timeline" role="group" aria-label="Inner step">{buttons}<span class="label">inner step</span>'
        f'<div id="inner-step-slot" class="slot" data-step="{view.step}"></div>'
        f'<output id="step-readout" class="value"></output>'
        f'<select id="speed" aria-label="Playback speed">{speeds}</select></div>'
    )


def page(view: View, scheme: str) -> str:
    """The whole view as HTML, three to five megabytes: Plotly, the bundles, our scripts.

    Args:
        view: the view; its step and panels are the initial ones of the page.
        scheme: "light" or "dark".

    Raises:
        InputError: a file of an optimizer is damaged.
    """
    theme = view.theme if view.theme in THEMES else scheme if scheme in THEMES else "light"
    drawn = draw(view, theme)
    bundles = {source.key: base64.b64encode(content).decode() for source, content in map(bundle_bytes, columns(view))}
    first = drawn.columns[0]
    about = f"{' beside '.join(column.title for column in drawn.columns)} on {view.task.replace('_', ' ')}, seed {view.seed}"
    query = to_query(view, leave_out=("step",))
    styles = "".join((ASSETS / name).read_text(encoding="utf-8") for name in STYLES)
    notices = "".join(f"<p>{escape(sentence)}</p>" for sentence in drawn.notices)
    figures = "{" + ",".join(f"{json.dumps(name)}:{to_json(made)}" for name, made in first.figures.items()) + "}"
    return "".join(
        [
            f'<!DOCTYPE html><html lang="en" data-mantine-color-scheme="{theme}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Loptscope: {escape(about)}</title><style>{styles}</style></head>",
            '<body class="saved"><header class="top-bar"><div class="brand"><span class="brand-mark" aria-hidden="true">',
            f'</span><h1>Loptscope</h1></div><span class="tagline">{escape(about)}</span></header>',
            '<main class="explore"><div class="stage">',
            f'<div id="notice" class="notice" role="status">{notices}</div>',
            '<div id="board" class="board"><div id="panels" class="panels">',
            "".join(map(_panel, PANELS.values())),
            f'</div><div id="beside" class="beside"></div></div></div>{_timeline(view)}</main>',
            json_script(
                "application/json", {**drawn.description, "panels": list(view.panels), "link": query}, id="saved-view"
            ),
            json_script("application/json", figures, id="saved-figures"),
            json_script("application/json", bundles, id="saved-bundles"),
            json_script("application/json", _fonts(), id="saved-fonts"),
            json_script("importmap", data_map(ENTRY)),
            _script((ASSETS / FLAT).read_text(encoding="utf-8")),
            f'<script type="module">import "#{ENTRY}";</script>',
            "</body></html>\n",
        ]
    )
