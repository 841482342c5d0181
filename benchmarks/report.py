"""The lines of a benchmark's report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One line of the final table.

    Attributes:
        what: what was measured.
        ours: our number, with its unit.
        peer: the peer and its number in the same run, or "" where there is none.
        ratio: ours / peer, or "".
        bar: what the project asks for, or "".
    """

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    bar: str = ""


def percentile(values: list[float], share: float) -> float:
    """The value at a quantile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
