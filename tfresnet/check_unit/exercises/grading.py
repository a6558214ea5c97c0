"""Points and words for a hand-in."""

import importlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfresnet.check_unit.exercises import cell, child, words
from tfresnet.check_unit.exercises.judging import Criterion, Finding, Mark
from tfresnet.errors import InputError

# The file of each exercise's criteria, and whether its functions need Keras.
EXERCISES = {1: ("convolution", False), 2: ("batchnorm", False)}
EXERCISES |= dict.fromkeys((3, 4, 5), ("units", True))
EXERCISES |= {6: ("resnet18", True), 7: ("transplant", True), 8: ("training", True)}
ENDINGS = (".py", ".ipynb")
_MOST_BYTES = 50_000_000  # a notebook with its pictures
_MUCH_PRINTED = 100_000


@dataclass
class Grade:
    """The marks of one hand-in, and what else a lecturer should know."""

    name: str
    exercise: int
    marks: list[Mark]
    remarks: list[Finding] = field(default_factory=list)

    @property
    def points(self) -> int:
        return sum(mark.points for mark in self.marks)

    @property
    def most(self) -> int:
        return sum(mark.criterion.points for mark in self.marks)

    def lines(self, lang: str) -> list[str]:
        """The points of each criterion, why some are missing, and the remarks."""
        lines, before = [], None
        for mark in self.marks:
            asks = words.criterion(self.exercise, mark.criterion.name, lang)
            lines.append(f"{mark.points}/{mark.criterion.points}  {asks}")
            if mark.finding and mark.finding != before:
                lines.append(f"     - {self.why(mark, lang)}")
            before = mark.finding
        return lines + [f"     ! {remark}" for remark in self.said(lang)]

    def why(self, mark: Mark, lang: str) -> str:
        if mark.finding is None:
            return ""
        return words.explain(self.exercise, mark.criterion.name, mark.finding, lang)

    def said(self, lang: str) -> list[str]:
        return [words.explain(self.exercise, "", remark, lang) for remark in self.remarks]

    def record(self, lang: str) -> dict:
        """For JSON: points, and a list of criteria."""
        criteria = [
            {
                "name": mark.criterion.name,
                "points": mark.points,
                "of": mark.criterion.points,
                "why": self.why(mark, lang),
            }
            for mark in self.marks
        ]
        head = {"file": self.name, "exercise": self.exercise, "points": self.points}
        return head | {"of": self.most, "criteria": criteria, "remarks": self.said(lang)}


def criteria(exercise: int) -> tuple[Criterion, ...]:
    name, _ = EXERCISES[exercise]
    return importlib.import_module(f"tfresnet.check_unit.exercises.{name}").CRITERIA[exercise]


def grade(file: Path, exercise: int, folder: Path | None = None, **limits) -> Grade:
    """Runs a hand-in as a process of its own and gives points.

    Args:
        file: a Python file or a notebook.
        folder: the hand-ins, of which it may read none; by default the file's folder.
        limits: `seconds`, as in `cell.run`.
    """
    asked = criteria(exercise)
    calls = _make_calls(asked)
    name = _printable(file.relative_to(folder) if folder else file.name)
    try:
        sources = read_sources(file)
    except InputError as error:
        unread = Finding("unread", {"error": error})
        return Grade(name, exercise, [Mark(criterion, unread) for criterion in asked])
    every = {key: call for group in calls for key, call in group.items()}
    outcome = cell.run(
        sources, every, folder or file.parent, keras=EXERCISES[exercise][1], **limits
    )
    remarks = _remarks(outcome)
    if outcome.ending:
        ending = Finding(outcome.ending, {"status": outcome.status})
        return Grade(name, exercise, [Mark(criterion, ending) for criterion in asked], remarks)
    return Grade(name, exercise, _judge(asked, calls, outcome.arrays), remarks)


def check(exercise: int, names: Mapping[str, object], *only: str, lang: str = "en") -> None:
    """Prints the points for functions of a notebook, `globals()`, at once and in its own process.

    Args:
        only: names of criteria; none: all.
    """
    print(*judge_here(exercise, names, *only).lines(lang), sep="\n")


def judge_here(exercise: int, names: Mapping[str, object], *only: str) -> Grade:
    """The grade of functions in this process, as `check`."""
    asked = tuple(c for c in criteria(exercise) if not only or c.name in only)
    calls = _make_calls(asked)
    every = {key: call for group in calls for key, call in group.items()}
    files = {thing.__code__.co_filename for thing in names.values() if hasattr(thing, "__code__")}
    return Grade("", exercise, _judge(asked, calls, child.answer(dict(names), every, files)))


def read_sources(file: Path) -> list[tuple[str, str]]:
    """(name, code) of a Python file, or of each cell of a notebook.

    Raises:
        InputError: it is none.
    """
    try:
        with open(file, "rb") as opened:
            text = opened.read(_MOST_BYTES).decode("utf-8-sig")
        if file.suffix != ".ipynb":
            return [(file.name, text)]
        cells = [entry for entry in json.loads(text)["cells"] if entry["cell_type"] == "code"]
        codes = ["".join(entry["source"]) for entry in cells]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        rule = f"{file.name} must be a Python file or a notebook"
        raise InputError(f"{rule}. Received: {type(error).__name__}") from error
    return [(f"cell {number}", _without_magic(code)) for number, code in enumerate(codes, 1)]


def _without_magic(code):
    lines = code.splitlines()
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def _make_calls(asked):
    """The calls of each criterion; those with the same key are the same."""
    rng, known = np.random.default_rng(secrets.randbits(64)), {}
    made = [criterion.calls(rng) for criterion in asked]
    return [{key: known.setdefault(key, call) for key, call in one.items()} for one in made]


def _judge(asked, calls, arrays):
    answers = {}
    for name, array in arrays.items():
        key, _, part = name.rpartition(".")
        answers.setdefault(key, {})[part] = array
    return [
        Mark(criterion, _judge_one(criterion, group, answers))
        for criterion, group in zip(asked, calls, strict=True)
    ]


def _judge_one(criterion, calls, answers):
    mine = {key: answers.get(key, {"error": np.array(["", "", ""])}) for key in calls}
    for answer in mine.values():
        if "error" in answer:
            return _error(answer["error"])
    try:
        return criterion.judge(calls, mine)
    except InputError:  # of our own networks
        raise
    except Exception:  # whatever a stranger's arrays may raise
        return Finding("forged")


def _error(array):
    kind, place, message = (_printable(text) for text in (*array.ravel().tolist(), "", "", "")[:3])
    if kind == "NameError" and message.endswith("is not defined") and not place:
        return Finding("missing", {"name": message.split()[0]})
    place = place or "-"
    if kind == "NotImplementedError":
        return Finding("gap", {"message": message, "place": place})
    if re.search("incompatible shapes|broadcast|must be equal", message):
        return Finding("addition", {"error": message, "place": place})
    return Finding("error", {"error": f"{kind}: {message}" if message else kind, "place": place})


def _remarks(outcome):
    remarks = [Finding("left", {"files": _printable(", ".join(outcome.left))})] * bool(outcome.left)
    if outcome.printed > _MUCH_PRINTED:
        remarks.append(Finding("printed", {"bytes": f"{outcome.printed:,}"}))
    for name, array in outcome.arrays.items():
        if name.startswith("error."):
            error = _error(array)
            remarks.append(Finding("part", error.values | {"error": error.values.get("error", "")}))
        elif name.startswith("tried."):
            remarks.append(Finding("tried", {"what": _printable(str(array))}))
    return remarks[:10]


def _printable(text):
    return "".join(c if c.isprintable() else " " for c in str(text))[:300]
