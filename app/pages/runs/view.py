"""The fields of a Runs view: which runs it shows."""

import re
from dataclasses import dataclass

from app.shared.fields import THEME, integer
from app.shared.links import Field, Links, Values, choice
from core.errors import InputError
from core.jobs.queue import list_jobs
from core.runs import zoo
from core.runs.options import OPTIONS
from core.runs.run import Run, is_name

MOST = 200  # runs at once
MOST_SMOOTH = 20  # percent


@dataclass(frozen=True)
class View:
    """One view of the Runs page.

    Attributes:
        sweep: name of the sweep shown; "" for none.
        runs: names of more runs, the user's own or shipped ones.
        axis: the setting on the horizontal axis and in the colours; "" for the first in which the runs differ.
        scale: of the meta-loss axes, "log" or "linear".
        smooth: how much of a curve its running median takes in on either side, in percent.
        theme: "light", "dark" or "auto".
    """

    sweep: str
    runs: tuple[str, ...]
    axis: str
    scale: str
    smooth: int
    theme: str


def sweeps() -> dict[str, list[Run]]:
    """All sweeps by name, the newest first, each with its runs in the order of submission."""
    by_name: dict[str, list[Run]] = {}
    for job, _ in list_jobs():
        if job.info.sweep is not None:
            by_name.setdefault(job.info.sweep, []).append(job.run)
    return dict(reversed(by_name.items()))


def _read_sweep(text: str, so_far: Values) -> str:
    if not re.fullmatch(r"sweep-[0-9a-f]{1,20}", text) or text not in sweeps():
        raise InputError(f"there is no sweep {text[:40]!r}: `loptscope sweep` prints the name when it starts")
    return text


def _read_runs(text: str, so_far: Values) -> tuple[str, ...]:
    names = list(dict.fromkeys(text.split(",")))
    if len(names) > MOST:
        raise InputError(f"runs takes at most {MOST} names (got {len(names)})")
    for name in names:
        if not is_name(name):
            raise InputError(f"runs must be names of runs, separated by commas (got {name[:40]!r})")
        zoo.find_run(name)
    return tuple(names)


FIELDS: dict[str, Field] = {
    "sweep": Field(lambda _: "", _read_sweep, str),
    "runs": Field(lambda _: (), _read_runs, ",".join),
    "axis": Field(lambda _: "", choice("axis", dict.fromkeys(OPTIONS)), str),
    "scale": Field(lambda _: "log", choice("scale", {"log": 0, "linear": 0}), str),
    "smooth": Field(lambda _: 1, integer("smooth", 0, MOST_SMOOTH), str),
    "theme": THEME,
}

LINKS = Links(View, FIELDS)
parse = LINKS.parse
to_query = LINKS.to_query


def chosen(view: View) -> list[Run]:
    """The runs of a view."""
    return [*sweeps().get(view.sweep, []), *(zoo.find_run(name) for name in view.runs)][:MOST]
