"""Writes the notebooks of the exercises, in both languages, from one source for each.

    python docs/exercises/make.py

A source is Markdown in cells. `<!-- en -->` and `<!-- zh -->` begin the text of a language,
`<!-- code -->` code that both share; LANG in code becomes the language.
"""

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
LANGUAGES = ("en", "zh")
_CELL = re.compile(r"^<!-- (en|zh|code) -->\n", re.MULTILINE)


def cells(source: str) -> list[tuple[str, str]]:
    """(language or "code", text) of each cell."""
    _, *parts = _CELL.split(source)
    return [(kind, text.strip()) for kind, text in zip(parts[::2], parts[1::2], strict=True)]


def notebook(source: str, language: str) -> str:
    """The notebook of a source in one language, as text."""
    made = []
    for kind, text in cells(source):
        if kind in ("code", language):
            more = {"execution_count": None, "outputs": []} if kind == "code" else {}
            made.append(
                {"cell_type": "code" if kind == "code" else "markdown", "id": f"cell-{len(made)}"}
                | {"metadata": {}, "source": text.replace("LANG", language).splitlines(True)}
                | more
            )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    content = {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def notebooks() -> dict[Path, str]:
    """The file of each notebook, and what it must hold."""
    sources = sorted((HERE / "sources").glob("*.md"))
    return {
        HERE / language / f"{path.stem}.ipynb": notebook(path.read_text(encoding="utf-8"), language)
        for path in sources
        for language in LANGUAGES
    }


if __name__ == "__main__":
    for file, text in notebooks().items():
        file.write_text(text, encoding="utf-8")
