"""The eight exercises: a solution of each has full points, and each mistake is named."""

import importlib.util
import json
import tomllib
from pathlib import Path

import pytest

from tfresnet.check_unit.exercises import child, words
from tfresnet.check_unit.exercises.grading import EXERCISES, criteria, judge_here
from tfresnet.check_unit.mistakes import MISTAKES

EXERCISE_FOLDER = Path(__file__).parents[2] / "docs" / "exercises"
HAND_INS = Path(__file__).parent / "hand_ins"
QUICK = [number for number, (_, needs_keras) in EXERCISES.items() if not needs_keras]


def by_speed(number, *more, **named):
    marks = [] if number in QUICK else [pytest.mark.slow]
    return pytest.param(number, *more, marks=marks, **named)


def mistakes():
    """(exercise, criterion, key of the words, what stands there and what a student wrote)."""
    for number in EXERCISES:
        for name, found in tomllib.loads((HAND_INS / f"{number}.toml").read_text()).items():
            for key, changes in found.items():
                yield by_speed(number, name, key, changes, id=f"{number}-{name}-{key}")


def defined(code):
    names, errors = child.run([("hand-in", code)])
    assert errors == []
    return names


def findings(grade):
    return {mark.criterion.name: mark.finding for mark in grade.marks}


VARIANTS = [by_speed(n, ending) for n in EXERCISES for ending in ("", "-other")]


@pytest.mark.parametrize(("number", "ending"), VARIANTS)
def test_right_solutions_that_look_different_have_full_points(number, ending):
    code = (HAND_INS / f"{number}{ending}.py").read_text()
    grade = judge_here(number, defined(code))
    assert findings(grade) == {criterion.name: None for criterion in criteria(number)}
    assert grade.points == grade.most == 10


@pytest.mark.parametrize(("number", "name", "key", "changes"), [*mistakes()])
def test_a_mistake_is_named(number, name, key, changes):
    code = (HAND_INS / f"{number}.py").read_text()
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    grade = judge_here(number, defined(code), name)
    (finding,) = findings(grade).values()
    assert finding is not None
    assert finding.key == key, finding
    lines = [grade.lines(lang) for lang in words.LANGUAGES]
    assert all(len(text) == 2 and "{" not in text[1] for text in lines)
    assert lines[0] != lines[1]


def test_an_exercise_has_five_mistakes():
    counts = dict.fromkeys(EXERCISES, 0)
    for entry in mistakes():
        counts[entry.values[0]] += 1
    assert min(counts.values()) >= 5


def keys(texts):
    return {key: keys(value) for key, value in texts.items()} if isinstance(texts, dict) else None


def test_both_languages_have_the_same_words():
    english, chinese = (keys(words.texts(lang)) for lang in words.LANGUAGES)
    assert chinese.pop("mistakes").keys() == MISTAKES.keys()
    assert english == chinese


class TestNotebooks:
    def test_are_those_of_their_source(self):
        for file, text in make().notebooks().items():
            assert file.read_text(encoding="utf-8") == text, "run docs/exercises/make.py"

    @pytest.mark.parametrize("number", [by_speed(number) for number in EXERCISES])
    def test_are_solved_by_filling_their_gaps(self, number, capsys):
        """Every gap is a function of the solution, and the last check gives all points."""
        solution = (HAND_INS / f"{number}.py").read_text()
        (file,) = (EXERCISE_FOLDER / "zh").glob(f"{number}-*.ipynb")
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        gaps = [code for code in codes if "NotImplementedError" in code]
        assert len(gaps) >= 2
        defined = {line.split("(")[0] for line in solution.splitlines() if line.startswith("def ")}
        asked = {
            line.split("(")[0] for code in gaps for line in code.splitlines() if line[:4] == "def "
        }
        assert asked <= defined
        _, errors = child.run([("cell", solution if code in gaps else code) for code in codes])
        assert errors == []
        printed = capsys.readouterr().out
        assert printed.count("\n     - ") == 0, printed


def make():
    spec = importlib.util.spec_from_file_location("make", EXERCISE_FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
