"""From a view of the Explore page to what its figures share."""

from app.catalog import reference_rate, subjects
from app.figures.panels import Drawing
from app.figures.style import Theme
from app.state import View
from app.views import Source, bundle_bytes
from core.bundle import Bundle


def drawing_of(view: View, theme: Theme) -> tuple[Source, Drawing]:
    """What is to be drawn, and where the browser fetches its arrays."""
    source, content = bundle_bytes(view)
    bundle = Bundle.decode(content)
    subject = subjects(view.task)[view.optimizer]
    drawing = Drawing(
        bundle=bundle,
        key=source.key,
        theme=theme,
        shown=[name for name in bundle.about["optimizers"] if name == subject.key or name in view.shown],
        components=view.components,
        symlog=view.axis == "symlog",
        sgd_rate=reference_rate(view.task),
    )
    return source, drawing
