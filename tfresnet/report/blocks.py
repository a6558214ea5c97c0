"""The blocks of a report, in Markdown. Their texts may contain `code`, **bold** and [links](to)."""

import re
from collections.abc import Sequence

from tfresnet.system import tables

_WORDS = re.compile(r"^<!-- words: (\w+) -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)


def heading(text: str, level: int = 2) -> str:
    return f"{'#' * level} {text}"


def code(text: str) -> str:
    return f"```bash\n{text}\n```"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in (titles, *rows)]
    return tables.markdown(escaped[0], escaped[1:])


def words(key: str, prompt: str, written: str = "") -> str:
    """A place for the reader's own words; `written` is what an earlier report holds there."""
    return f"<!-- words: {key} -->\n> {prompt}\n\n{written}\n\n<!-- end -->"


def read_words(markdown: str) -> dict[str, str]:
    """Key -> text between the marks of `words` in a report, with the prompt."""
    return {key: text.strip() for key, text in _WORDS.findall(markdown)}
