"""The blocks of a report. Each has a Markdown and an HTML form.

Their texts may contain `code`, **bold** and [links](to).
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from tfresnet.system import tables

_MARKS = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\[(?P<a>[^]]+)\]\((?P<to>[^)]+)\)")
_WORDS = re.compile(r"^<!-- words: (\w+) -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block; `files` maps the names of pictures beside the Markdown to their content."""

    markdown: str
    html: str
    files: tuple[tuple[str, bytes], ...] = ()


def heading(text: str, level: int = 2) -> Block:
    return Block(f"{'#' * level} {text}", f"<h{level}>{inline(text)}</h{level}>")


def paragraph(text: str) -> Block:
    return Block(text, f"<p>{inline(text)}</p>")


def code(text: str) -> Block:
    lines = "".join(f"<span>{escape(line)}</span>" for line in text.splitlines())
    return Block(f"```bash\n{text}\n```", f"<pre>{lines}</pre>")


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Block:
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in (titles, *rows)]
    kinds = [' class="number"' if numeric else "" for numeric in tables.numeric_columns(rows)]
    lines = []
    for tag, row in [("th", titles), *(("td", row) for row in rows)]:
        cells = zip(row, kinds, strict=True)
        shown = (f"<{tag}{kind}>{inline(cell)}</{tag}>" for cell, kind in cells)
        lines.append(f"<tr>{''.join(shown)}</tr>")
    html = '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"
    return Block(tables.markdown(escaped[0], escaped[1:]), html)


def picture(file: str, png: bytes, caption: str) -> Block:
    """A PNG file beside the Markdown; the HTML contains its data."""
    data = base64.b64encode(png).decode()
    image = f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
    html = f"<figure>{image}<figcaption>{inline(caption)}</figcaption></figure>"
    return Block(f"![{caption}]({quote(file)})\n\n*{caption}*", html, ((file, png),))


def words(key: str, prompt: str, written: str = "") -> Block:
    """A place for the reader's own words; `written` is what an earlier report holds there."""
    place = f"<div>{inline(written)}</div>" if written else '<div class="room"></div>'
    return Block(
        f"<!-- words: {key} -->\n> {prompt}\n\n{written}\n\n<!-- end -->",
        f"<aside><p>{inline(prompt)}</p>{place}</aside>",
    )


def read_words(markdown: str) -> dict[str, str]:
    """Key -> text between the marks of `words` in a report, with the prompt."""
    return {key: text.strip() for key, text in _WORDS.findall(markdown)}


def inline(text: str) -> str:
    """HTML of a text with marks; all other characters are escaped."""

    def element(mark):
        if mark["to"]:
            return f'<a href="{mark["to"]}">{mark["a"]}</a>'
        return f"<{mark.lastgroup}>{mark[mark.lastgroup]}</{mark.lastgroup}>"

    return _MARKS.sub(element, escape(text)).replace(" %", "&nbsp;%")
