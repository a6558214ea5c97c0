"""The reader's own words in a report: between marks in its Markdown, or in a file of their own."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from tfresnet.errors import InputError

_WORDS = re.compile(r"^<!-- words: (\w+) -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"^<!-- (?:words: \w+|end) -->$", re.MULTILINE)
_TITLE = re.compile(r"^## +(.*?) *$", re.MULTILINE)


def block(key: str, prompt: str, kept: str = "") -> str:
    """A place for words in Markdown. `kept` is what an earlier report holds there."""
    written = kept.removeprefix(f"> {prompt}").strip()
    return f"<!-- words: {key} -->\n> {prompt}\n\n{written}\n\n<!-- end -->"


def without_marks(markdown: str) -> str:
    return _MARK.sub("", markdown)


def earlier(file: Path, keys: Collection[str]) -> dict[str, str]:
    """Key -> the words in an earlier report, with their prompt.

    Raises:
        InputError: the file cannot be read, or lacks marks, so that words would be lost.
    """
    if not file.exists():
        return {}
    words = {key: text.strip() for key, text in _WORDS.findall(_read(file))}
    if missing := keys - words.keys():
        raise InputError(
            f"{file.name} must have its marks `words` and `end`, to keep your words (else rename "
            f"it); missing: {', '.join(sorted(missing))}. Received: {file}"
        )
    return words


def given(file: Path, texts: Mapping) -> dict[str, str]:
    """Key -> the words below the title of a section, `## Title`; the author's stand before them.

    Raises:
        InputError: the file cannot be read, or has another title.
    """
    author, *parts = _TITLE.split(_read(file))
    keys = {texts[key]["title"]: key for key in texts["words"] if key in texts}
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    if unknown := sections.keys() - keys.keys():
        raise InputError(
            f"a title in {file.name} must be one of {', '.join(keys)}. "
            f"Received: {', '.join(sorted(unknown))}"
        )
    found = {"author": author} | {keys[title]: words for title, words in sections.items()}
    return {key: words.strip() for key, words in found.items() if words.strip()}


def _read(file):
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        rule = f"{file.name} must be readable as UTF-8 ({error})"
        raise InputError(f"{rule}. Received: {file}") from error
