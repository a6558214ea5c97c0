"""The blocks of a report, in Markdown. Their texts may contain `code`, **bold** and [links](to)."""

import re
from collections.abc import Sequence

from tfresnet.system import tables


def heading(text: str, level: int = 2) -> str:
    return f"{'#' * level} {text}"


def code(text: str, language: str = "bash") -> str:
    """A block of code, within more marks than the code has in a row."""
    marks = "`" * max(3, *(1 + len(found) for found in re.findall("`*", text)))
    return f"{marks}{language}\n{text}\n{marks}"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in (titles, *rows)]
    return tables.markdown(escaped[0], escaped[1:])
