"""Tables as text: aligned for the screen or in Markdown, numbers set to the right; or as CSV."""

import csv
import io
import re
from collections.abc import Mapping, Sequence

_NUMBER = re.compile(r"([-+]?[\d,.]+( ± [\d.]+)?( ?[KMG%])?)?")


def aligned(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded with spaces, below the titles and a line."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    numeric = numeric_columns(rows)
    lines = []
    for row in [titles, ["-" * width for width in widths], *rows]:
        cells = zip(row, widths, numeric, strict=True)
        padded = (cell.rjust(w) if right else cell.ljust(w) for cell, w, right in cells)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of GitHub's Markdown."""
    rule = ["---:" if right else "---" for right in numeric_columns(rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [titles, rule, *rows])


def csv_text(records: Sequence[Mapping[str, object]]) -> str:
    """Comma-separated values below the names that all records have; at least one record."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().rstrip("\n")


def numeric_columns(rows: Sequence[Sequence[str]]) -> list[bool]:
    """Which columns hold nothing but numbers, perhaps with a unit or a spread, and empty cells."""
    columns = zip(*rows, strict=True)
    return [all(_NUMBER.fullmatch(cell) for cell in column) for column in columns]
