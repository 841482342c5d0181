"""What moves in a figure, described once: the browser's canvases and the figures outside the browser draw from the same marks.

A mark says where its numbers are (an array of the bundle and an index into it), what it looks like, and whose it is. Widths, radii
and heights are in pixels unless something else is said.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np

STEPS = "steps"  # the array 0 … K, which every reader of marks adds to those of the bundle
Index = int | Literal["step", ":", ":step"]


@dataclass(frozen=True)
class Ref:
    """Numbers of an array at the step shown.

    Attributes:
        array: its name.
        index: one entry an axis: a position, the step shown, all positions (":"), or those up to the step shown (":step").
    """

    array: str
    index: tuple[Index, ...]

    @property
    def grows(self) -> bool:
        """Whether it takes in more numbers with every step."""
        return ":step" in self.index

    def read(self, arrays: Mapping[str, np.ndarray], step: int) -> np.ndarray:
        """The numbers in float64, one axis for each ":" or ":step" of the index."""
        places: dict[Any, Any] = {"step": step, ":": slice(None), ":step": slice(step + 1)}
        return np.asarray(arrays[self.array][tuple(places.get(one, one) for one in self.index)], np.float64)


STEP = Ref(STEPS, ("step",))


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What all marks have.

    Attributes:
        color: of its line or its area.
        name: in the legends and tables of exports.
        component: the position of the component it belongs to, if any.
        optimizer: the colour of the optimizer it belongs to, if any: one colour is one optimizer in every column.
        reading: the number that the chip of whom it belongs to shows.
        lights: what is lit and found by the pointer: the mark itself, or its track (where it is at each step).
    """

    kind: ClassVar[str]
    color: str
    name: str = ""
    component: int | None = None
    optimizer: str | None = None
    reading: Ref | None = None
    lights: Literal["mark", "track"] | None = None

    def describe(self) -> dict[str, Any]:
        """For the browser, without what is not set."""
        return {"kind": self.kind, **{name: value for name, value in asdict(self).items() if value is not None}}


@dataclass(frozen=True, kw_only=True)
class Line(Mark):
    """Straight pieces from point to point, with gaps where a number is not finite.

    Attributes:
        opacity: less than 1 for what is not reached yet; the legend does not name it.
    """

    kind = "line"
    x: Ref
    y: Ref
    width: float = 2
    opacity: float = 1


@dataclass(frozen=True, kw_only=True)
class Point(Mark):
    """A filled circle inside a ring of the surface's colour."""

    kind = "point"
    x: Ref
    y: Ref
    ring: str
    radius: float = 5
    edge: float = 1.5


@dataclass(frozen=True, kw_only=True)
class Tick(Mark):
    """A vertical line that stands on zero; its height is a share of the vertical axis."""

    kind = "tick"
    x: Ref
    width: float = 2.5
    height: float = 0.16


@dataclass(frozen=True, kw_only=True)
class Band(Mark):
    """The area under a histogram: shares [bins] drawn as densities over their edges [bins + 1]."""

    kind = "band"
    x: Ref
    shares: Ref


@dataclass(frozen=True, kw_only=True)
class Cursor(Mark):
    """A vertical line through the whole figure; its horizontal axis is the step."""

    kind = "cursor"
    x: Ref = STEP
    width: float = 1
    opacity: float = 0.55


@dataclass(frozen=True, kw_only=True)
class Field(Mark):
    """A classifier's decision as an area of colour: the surer, the stronger.

    Attributes:
        color: where the logit is negative, and ``positive`` where it is positive.
        values: the logits [rows, columns] from the bottom, in units of ``unit``.
        unit: one number a step.
        window: the ends of both axes, which the outermost values lie on.
        opacity: where it is quite sure.
    """

    kind = "field"
    positive: str
    values: Ref
    unit: Ref
    window: tuple[tuple[float, float], tuple[float, float]]
    opacity: float = 0.412


@dataclass(frozen=True, kw_only=True)
class Boundary(Mark):
    """The line on which values [rows, columns] are zero, over the same kind of window as a field's."""

    kind = "boundary"
    values: Ref
    window: tuple[tuple[float, float], tuple[float, float]]
    width: float = 2


@dataclass(frozen=True, kw_only=True)
class Chip:
    """An entry of a panel's legend: a colour or a sign, a name, and the number that its owner's mark reads.

    Attributes:
        title: its tooltip, and its name in exports if ``name`` is empty.
        dashed: whether the colour is shown as a dashed line.
        component: whose it is, as of a mark.
        optimizer: likewise.
    """

    name: str
    color: str | None = None
    sign: str | None = None
    title: str | None = None
    dashed: bool = False
    component: int | None = None
    optimizer: str | None = None

    def describe(self) -> dict[str, Any]:
        """For the browser, without what is not set."""
        return {name: value for name, value in asdict(self).items() if value is not None}
