"""`python -m tfresnet.check_unit FILE|FOLDER --exercise N`."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tfresnet.check_unit.exercises import cell, words
from tfresnet.check_unit.exercises.grading import ENDINGS, EXERCISES, Grade, grade
from tfresnet.errors import InputError
from tfresnet.system.atomic import write_text
from tfresnet.system.commands import load_tensorflow
from tfresnet.system.tables import csv_text


def run(path: Path, exercise: int, json_file: str | None, csv_file: str | None, lang: str) -> bool:
    """Grades a hand-in or a folder of them, prints and writes the points.

    Returns:
        Whether all have full points.

    Raises:
        InputError: there is nothing to grade.
    """
    if not hasattr(os, "killpg"):
        raise InputError("--exercise needs Linux or macOS (WSL on Windows). Received: Windows")
    if not cell.has_walls():
        print(words.texts(lang)["no walls"], file=sys.stderr)
    if path.is_dir() and not cell.can_hide(path):
        print(words.texts(lang)["not hidden"], file=sys.stderr)
    if EXERCISES[exercise][1]:
        load_tensorflow()
    grades = []
    for got in _grades(path, exercise):
        grades.append(got)
        print(_header(got, lang), *got.lines(lang), "", sep="\n", flush=True)
    records = [got.record(lang) for got in grades]
    if json_file:
        content = records if path.is_dir() else records[0]
        write_text(json_file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    if csv_file:  # spreadsheets know UTF-8 by its mark
        write_text(csv_file, "\ufeff" + csv_text([_row(got, lang) for got in grades]) + "\n")
    return all(got.points == got.most for got in grades)


def _grades(path, exercise) -> Iterator[Grade]:
    if not path.is_dir():
        yield grade(path, exercise)
        return
    found = (entry for entry in sorted(path.rglob("*")) if entry.suffix in ENDINGS)
    found = (entry for entry in found if entry.is_file() and not entry.is_symlink())
    files = [
        f for f in found if not any(part.startswith(".") for part in f.relative_to(path).parts)
    ]
    if not files:
        rule = "a folder of hand-ins must hold Python files or notebooks"
        raise InputError(f"{rule}. Received: {path}")
    for file in files:
        yield grade(file, exercise, path)


def _header(got, lang):
    known = {"name": got.name, "number": got.exercise, "points": got.points, "of": got.most}
    return words.texts(lang)["header"].format(title=words.title(got.exercise, lang), **known)


def _row(got, lang):
    """A row of the table: file, points, each criterion, remarks."""
    columns = words.texts(lang)["columns"]
    row = {columns["file"]: _cell(got.name), columns["points"]: got.points, columns["of"]: got.most}
    row |= {mark.criterion.name: mark.points for mark in got.marks}
    whys = dict.fromkeys(why for mark in got.marks if (why := got.why(mark, lang)))
    return row | {columns["remarks"]: _cell("; ".join([*got.said(lang), *whys]))}


def _cell(text):
    """Spreadsheets compute what begins with these signs."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
