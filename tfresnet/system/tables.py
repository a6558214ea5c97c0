"""Tables as text: aligned for the screen or in Markdown, numbers set to the right; or as CSV."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.system.atomic import write_text

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


def put_into(page: Path, name: str, table: str) -> None:
    """Replaces the table of a Markdown page, which stands between its marks
    `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

    Raises:
        InputError: the page has no such marks, or cannot be read or written.
    """
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    try:
        text = page.read_text(encoding="utf-8")
        before, first, rest = text.partition(begin)
        _, last, after = rest.partition(end)
        if not (first and last):
            raise InputError(
                f"a page must have the lines {begin.strip()} and {end}. Received: {page}"
            )
        write_text(page, f"{before}{begin}{table}\n{end}{after}")
    except (OSError, UnicodeError) as error:
        raise InputError(f"a page must be a file in UTF-8 ({error}). Received: {page}") from error


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
