"""The mechanisms of one optimizer as a printable page: numbers, sentences and figures in one offline file."""

from html import escape
from pathlib import Path

import plotly.io
from plotly.offline import get_plotlyjs

from app.shared.mechanisms import MECHANISMS, Mechanism, mechanism_of
from app.shared.mechanisms.drawing import MechanismDrawing, common_of, without_marks
from app.shared.style import LIGHT, OPTIMIZER_COLORS
from core.files.atomic import write_bytes
from core.mechanisms.context import Context
from core.mechanisms.report import Report
from core.tables import report_table

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; max-width: 1040px; margin: 32px auto; padding: 0 20px; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin: 28px 0 4px; break-after: avoid; }
.figures { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
figure { margin: 0; break-inside: avoid; } figcaption { font-size: 13px; font-weight: 600; }
.plot { height: 300px; } pre { white-space: pre-wrap; font: 13px/1.5 inherit; background: #f4f5f7; padding: 12px; }
"""


def _figures(mechanism: Mechanism, context: Context, color: str) -> str:
    bundle = mechanism.measure(context)
    drawing = MechanismDrawing(bundle, color, LIGHT, mechanism.name, {}, {}, common_of([bundle]))
    parts = []
    for figure in mechanism.figures:
        made = without_marks(figure.draw(drawing))
        drawn = plotly.io.to_html(
            made, include_plotlyjs=False, full_html=False, config={"responsive": True, "displaylogo": False}
        )
        parts.append(f'<figure><figcaption>{figure.title}</figcaption><div class="plot">{drawn}</div></figure>')
    return f'<div class="figures">{"".join(parts)}</div>'


def page(report: Report, context: Context) -> str:
    """The whole page as HTML.

    Args:
        report: the numbers.
        context: the optimizer on its task, for the figures.
    """
    color = OPTIMIZER_COLORS.get(report.optimizer, OPTIMIZER_COLORS["learned"])
    title = f"{report.optimizer} on {report.task}: four mechanisms"
    parts = [f"<h1>{escape(title)}</h1>"]
    for name in MECHANISMS:
        mechanism = mechanism_of(name, context.optimizer)
        found = getattr(report, name, None)
        if found is None:  # not measured separately: the ablations are in the text
            continue
        sentences = escape(" ".join(found.sentences))
        parts.append(f"<h2>{mechanism.title}</h2><p>{sentences}</p>")
        parts.append(_figures(mechanism, context, color))
    parts.append(f"<h2>All numbers</h2><pre>{escape(report_table(report))}</pre>")
    head = (
        f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style><script>{get_plotlyjs()}</script>'
    )
    return f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def write_page(path: Path, report: Report, context: Context) -> None:
    """Write the page to a file."""
    write_bytes(path, page(report, context).encode())
