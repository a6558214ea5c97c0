"""The reading path of the README: `python tests/support/reading_path.py` counts its lines again.

A row of its table names files and ends in the number of their lines; the last row has the sum.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "README.zh.md")
_TABLE = re.compile(r"(?<=\|---\|---\|---:\|\n)((?:\|.*\.py\).*\|\n)+)(\| .* \| \| )[\d,]+( \|\n)")


def files(page: str) -> list[str]:
    """The files of the path, in order."""
    return re.findall(r"\]\(([\w/.]+\.py)\)", _TABLE.search(page)[1])


def counted(page: str) -> str:
    """The page with the numbers of today."""
    found = _TABLE.search(page)
    rows = [_counted(row) for row in found[1].splitlines(keepends=True)]
    table = "".join(rows) + f"{found[2]}{_lines(found[1]):,}{found[3]}"
    return page[: found.start()] + table + page[found.end() :]


def _counted(row):
    return re.sub(r"[\d,]+ \|\n$", f"{_lines(row):,} |\n", row)


def _lines(rows):
    names = re.findall(r"\]\(([\w/.]+\.py)\)", rows)
    return sum(len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in names)


if __name__ == "__main__":
    for name in PAGES:
        path = ROOT / name
        path.write_text(counted(path.read_text(encoding="utf-8")), encoding="utf-8")
