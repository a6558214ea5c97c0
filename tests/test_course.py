"""The pages for students: their commands exist, and are the same in both languages."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from tfresnet.check_unit import __main__ as check_unit
from tfresnet.evaluation import flags as evaluate_flags
from tfresnet.experiments import study_names
from tfresnet.experiments.__main__ import main as experiments
from tfresnet.param_count import __main__ as param_count
from tfresnet.report import __main__ as report
from tfresnet.settings.model_names import MODELS
from tfresnet.training import flags as train_flags

ROOT = Path(__file__).parent.parent
PARSERS = {
    "train.py": train_flags.parse,
    "evaluate.py": evaluate_flags.parse,
    "-m tfresnet.param_count": param_count.parse,
    "-m tfresnet.check_unit": check_unit.parse,
    "-m tfresnet.report": report.parse,
}


def commands(page):
    text = (ROOT / "docs" / page).read_text()
    return re.findall(r"`((?:python|tensorboard) [^`]+)`", text)


PAGE = commands("course.md")


def flags_of(parse, *argv):
    shown = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(shown):
        parse([*argv, "--help"])
    return set(re.findall(r"--[a-z][\w-]*", shown.getvalue()))


def test_both_languages_have_the_same_commands_in_the_same_order():
    assert commands("course.zh.md") == PAGE
    assert len(PAGE) > 45


@pytest.mark.parametrize("command", sorted(set(PAGE)))
def test_each_command_exists(command):
    if command == "tensorboard --logdir logs":
        return
    found = re.fullmatch(r"python ((?:-m )?[\w.]+)((?: \S+)*)", command)
    program, words = found[1], found[2].split()
    flags = {word for word in words if word.startswith("--")}
    if program == "-m tfresnet.experiments":
        assert words[0] in study_names()
        allowed = flags_of(experiments, words[0])
    else:
        allowed = flags_of(PARSERS[program])
    assert flags <= allowed
    if program in ("train.py", "-m tfresnet.param_count"):
        with contextlib.chdir(ROOT):
            PARSERS[program](words)  # the values, and the names of networks
    for word in words:
        assert not word.startswith("docs/") or (ROOT / word).exists(), word


def test_each_study_of_the_lecture_has_its_place():
    named = {command.split()[3] for command in PAGE if "tfresnet.experiments" in command}
    assert named == set(study_names())


@pytest.mark.parametrize("page", ["course.md", "course.zh.md"])
def test_the_files_that_a_page_names_are_there(page):
    text = (ROOT / "docs" / page).read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / "docs" / link).resolve().exists(), link
    for name in re.findall(r"`(tfresnet/[\w./]+)`", text):
        assert (ROOT / name).exists(), name
    models = set(re.findall(r"`((?:resnet|plain|wrn)\w+)`", text))
    assert models <= set(MODELS)
