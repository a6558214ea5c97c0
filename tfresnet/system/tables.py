"""Tables as text: aligned for the screen, Markdown or CSV. Columns of numbers are right-aligned."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.system.atomic import write_text

_NUMBER = re.compile(r"([-+]?[\d,.]+( ± [\d.]+)?( ?[KMG%])?)?")


def text_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for the screen, its columns padded with spaces."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    numeric = numeric_columns(rows)
    lines = []
    for row in [titles, ["-" * width for width in widths], *rows]:
        cells = zip(row, widths, numeric, strict=True)
        padded = (cell.rjust(w) if right else cell.ljust(w) for cell, w, right in cells)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in GitHub's Markdown."""
    rule = ["---:" if right else "---" for right in numeric_columns(rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [titles, rule, *rows])


def replace_table(page: Path, name: str, table: str) -> None:
    """Replaces the text between `<!-- NAME: begin -->` and `<!-- NAME: end -->` in a Markdown page.
    Raises `InputError` if it lacks these lines, or cannot be read or written."""
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
    """Comma-separated values of one or more records, below a line with their common names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().rstrip("\n")


def numeric_columns(rows: Sequence[Sequence[str]]) -> list[bool]:
    """For each column, whether all cells are numbers (with a unit or a spread) or empty."""
    columns = zip(*rows, strict=True)
    return [all(_NUMBER.fullmatch(cell) for cell in column) for column in columns]
