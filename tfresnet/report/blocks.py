"""What a report is made of. Each block can say itself in Markdown and in HTML.

The texts may hold three marks of Markdown: `code`, **bold** and [links](to).
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
class Heading:
    text: str
    level: int = 2

    def markdown(self) -> str:
        return f"{'#' * self.level} {self.text}"

    def html(self) -> str:
        return f"<h{self.level}>{inline(self.text)}</h{self.level}>"


@dataclass(frozen=True)
class Text:
    text: str

    def markdown(self) -> str:
        return self.text

    def html(self) -> str:
        return f"<p>{inline(self.text)}</p>"


@dataclass(frozen=True)
class Code:
    text: str

    def markdown(self) -> str:
        return f"```bash\n{self.text}\n```"

    def html(self) -> str:
        lines = "".join(f"<span>{escape(line)}</span>" for line in self.text.splitlines())
        return f"<pre>{lines}</pre>"


@dataclass(frozen=True)
class Table:
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        rows = [[cell.replace("|", r"\|") for cell in row] for row in (self.titles, *self.rows)]
        return tables.markdown(rows[0], rows[1:])

    def html(self) -> str:
        right = [
            ' class="number"' if number else "" for number in tables.numeric_columns(self.rows)
        ]
        lines = []
        for tag, row in [("th", self.titles), *(("td", row) for row in self.rows)]:
            cells = zip(row, right, strict=True)
            shown = (f"<{tag}{kind}>{inline(cell)}</{tag}>" for cell, kind in cells)
            lines.append(f"<tr>{''.join(shown)}</tr>")
        return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"


@dataclass(frozen=True)
class Picture:
    """A PNG file, which stands beside the Markdown and inside the HTML."""

    file: str
    png: bytes
    caption: str

    def markdown(self) -> str:
        return f"![{self.caption}]({quote(self.file)})\n\n*{self.caption}*"

    def html(self) -> str:
        data = base64.b64encode(self.png).decode()
        caption = inline(self.caption)
        image = f'<img alt="{escape(self.caption)}" src="data:image/png;base64,{data}">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


@dataclass(frozen=True)
class Words:
    """A place for the reader's own words, with those that are `written` there already."""

    key: str
    prompt: str
    written: str = ""

    def markdown(self) -> str:
        return f"<!-- words: {self.key} -->\n> {self.prompt}\n\n{self.written}\n\n<!-- end -->"

    def html(self) -> str:
        written = (
            f"<div>{inline(self.written)}</div>" if self.written else '<div class="room"></div>'
        )
        return f"<aside><p>{inline(self.prompt)}</p>{written}</aside>"


Block = Heading | Text | Code | Table | Picture | Words


def inline(text: str) -> str:
    """A text with its marks as HTML, and everything else as it is."""

    def element(mark):
        if mark["to"]:
            return f'<a href="{mark["to"]}">{mark["a"]}</a>'
        return f"<{mark.lastgroup}>{mark[mark.lastgroup]}</{mark.lastgroup}>"

    return _MARKS.sub(element, escape(text)).replace(" %", "&nbsp;%")


def written_words(markdown: str) -> dict[str, str]:
    """Key -> what stands between the marks of the `Words` of a page, the prompt with it."""
    return {key: text.strip() for key, text in _WORDS.findall(markdown)}
