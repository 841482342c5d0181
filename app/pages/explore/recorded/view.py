"""The fields of a recording's view as one typed table."""

from dataclasses import dataclass
from typing import get_args

from app.pages.explore.view import FIELDS as OF_A_TASK
from app.pages.explore.view import SHOWN_AT_FIRST
from app.shared.fields import THEME, integer
from app.shared.links import Field, Links, Values, choice, whole
from core.errors import InputError
from core.training_loop.bundle import POINTS, Window, shown_components
from core.training_loop.recording import Component, Recording, open_recording, recorded

WINDOWS: dict[str, str] = dict(zip(get_args(Window), ("whole training", f"first {POINTS} steps"), strict=True))


@dataclass(frozen=True)
class RecordedView:
    """One view of a recording.

    Attributes:
        recording: its name; "" if there is none.
        window: "all" of its steps, evenly spaced, or the "first" ones.
        components: positions among the components of the view.
        axis: scale of the gradient axis, "linear" or "symlog".
        panels: the panels shown.
        step: position among the steps of the view.
        speed: of playback, steps per second.
        theme: "light", "dark" or "auto".
    """

    recording: str
    window: Window
    components: tuple[int, ...]
    axis: str
    panels: tuple[str, ...]
    step: int
    speed: int
    theme: str

    def open(self) -> Recording:
        """The recording.

        Raises:
            InputError: there is none, or it is damaged.
        """
        return open_recording(self.recording)


def _first(_: Values) -> str:
    return next((path.name for path in recorded()), "")


def _read_recording(text: str, so_far: Values) -> str:
    return open_recording(text[:100]).name


def _shown(recording: str) -> list[Component]:
    """The components of a view."""
    components = open_recording(recording).about.components if recording else []
    return [components[i] for i in shown_components(len(components))]


def labels(recording: str) -> list[str]:
    """The names of the components of a view."""
    return [component.label for component in _shown(recording)]


def _components(so_far: Values) -> tuple[int, ...]:
    """The first components of some tensors; of more tensors rather than of the largest."""
    tensors = [component.tensor for component in _shown(so_far["recording"])]
    firsts = [i for i, tensor in enumerate(tensors) if tensor not in tensors[:i]]
    others = [i for i in range(len(tensors)) if i not in firsts]
    if len(firsts) > SHOWN_AT_FIRST:
        return tuple(firsts[:: -(-len(firsts) // SHOWN_AT_FIRST)])
    return tuple(sorted([*firsts, *others[: SHOWN_AT_FIRST - len(firsts)]]))


def _read_components(text: str, so_far: Values) -> tuple[int, ...]:
    count = len(_shown(so_far["recording"]))
    numbers = {whole(part) for part in text.split(",")}
    if not all(number is not None and 1 <= number <= count for number in numbers):
        raise InputError(f"components must be numbers from 1 to {count}, as in '1,3' (got {text!r:.40})")
    return tuple(sorted(number - 1 for number in numbers if number is not None))


FIELDS: dict[str, Field] = {
    "recording": Field(_first, _read_recording, str),
    "window": Field(lambda _: "all", choice("window", WINDOWS), str),
    "components": Field(_components, _read_components, lambda v: ",".join(str(i + 1) for i in v)),
    "axis": OF_A_TASK["axis"],
    "panels": OF_A_TASK["panels"],
    "step": Field(lambda _: 0, integer("step", 0, POINTS), str),
    "speed": OF_A_TASK["speed"],
    "theme": THEME,
}

KEPT = ("recording",)  # written into every link: it says that this is a view of a recording
RECORDED_LINKS = Links(RecordedView, FIELDS, always=KEPT)
parse = RECORDED_LINKS.parse
to_query = RECORDED_LINKS.to_query
