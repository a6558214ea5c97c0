"""The report as one HTML page without other files, for screens, phones and paper."""

import base64
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import unquote

from markdown import Markdown
from markdown.extensions.toc import TocExtension, slugify_unicode

from tfresnet.report.own_words import without_marks

_CODE = re.compile(r"(<pre>.*?</pre>)", re.DOTALL)
_COMMANDS = re.compile(r"(?<=<code class=\"language-bash\">).*?(?=</code>)", re.DOTALL)

_WIDE = 1000  # pixels; a phone scrolls a wider picture


def anchor(title: str) -> str:
    """The link to a heading, on the page and on GitHub."""
    return f"#{slugify_unicode(title, '-')}"


def page(text: str, pictures: Mapping[str, bytes], title: str, language: str) -> str:
    """The HTML page of a Markdown text, with its pictures inside.

    Args:
        text: Markdown; HTML in it is shown as text, except for the marks of own words.
        pictures: name -> PNG.
        language: an HTML language code such as `zh-CN`.
    """
    extensions = ["tables", "fenced_code", TocExtension(slugify=slugify_unicode)]
    parser = Markdown(extensions=extensions, output_format="html")
    parser.preprocessors.deregister("html_block")
    parser.inlinePatterns.deregister("html")
    parts = _CODE.split(parser.convert(without_marks(text)))
    parts[::2] = [part.replace(r"\|", "|").replace(" %", "&nbsp;%") for part in parts[::2]]
    body = _COMMANDS.sub(_keep_words_whole, "".join(parts))
    body = re.sub(r'src="([^"]+)"', lambda found: _embed(pictures, found), body)
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def _keep_words_whole(commands):
    """A browser would break a flag after each of its hyphens."""
    words = re.sub(r"\S+", r"<span>\g<0></span>", commands[0])
    return "".join(f"<span>{line}</span>" for line in words.splitlines())


def _embed(pictures, source):
    png = pictures.get(unquote(source[1]))
    if png is None:
        return source[0]
    wide = ' class="wide"' if int.from_bytes(png[16:20]) > _WIDE else ""  # PNG's header
    return f'src="data:image/png;base64,{base64.b64encode(png).decode()}"{wide}'
