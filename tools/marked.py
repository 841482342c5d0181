"""Replaces tables between two marks in documents."""

import re

BETWEEN = re.compile(r"(<!-- table -->\n).*?(<!-- /table -->)", re.DOTALL)


def with_table(text: str, table: str) -> str:
    """The document with a new table between its marks."""
    return BETWEEN.sub(lambda match: match[1] + table + match[2], text)
