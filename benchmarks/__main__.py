"""Run every benchmark and print one table: ``python -m benchmarks [NAME ...]``."""

import argparse
from dataclasses import fields

from benchmarks import fairness, first_view, fixed_points, formula, into_torch, outer_step, scrub, tuning
from benchmarks.report import Line

ALL = {
    "outer_step": outer_step.run,
    "fixed_points": fixed_points.run,
    "formula": formula.run,
    "scrub": scrub.run,
    "first_view": first_view.run,
    "tuning": tuning.run,
    "fairness": fairness.run,
    "into_torch": into_torch.run,
}


def main() -> None:
    """Run the benchmarks named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(ALL)} (default: all)")
    names = parser.parse_args().names or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}: choose from {', '.join(ALL)}")
    lines = [line for name in names for line in ALL[name]()]
    titles = [field.name for field in fields(Line)]
    rows = [titles, *[[str(getattr(line, title)) for title in titles] for line in lines]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(titles))]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
