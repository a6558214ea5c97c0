"""The pages for readers: links lead somewhere, commands parse, code runs, figures are those of the
kept runs."""

import importlib
import inspect
import json
import re
import shlex
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from support import reading_path

import tfresnet
from tfresnet.experiments import study_names
from tfresnet.settings.model_names import MODELS

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted(
        [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]
        + [*ROOT.glob("docs/exercises/*.md")]
    )
}
README = PAGES["README.md"]
TRANSLATED = [name for name in PAGES if name.replace(".md", ".zh.md") in PAGES]
FLAGS = {"train.py": "tfresnet.training.flags", "evaluate.py": "tfresnet.evaluation.flags"}
# What the pages call their readers' own files and folders.
FILES = ("pictures/cat.jpg", "resnet18.safetensors", "FILE.py", "FILE.pth", "network.py")
FILES += ("words.md", "hand-in/mine/network.py", "1-convolution.ipynb")
FOLDERS = ("logs/shapes10", "logs/NAME", "logs/RUN", "logs/mine", "logs/experiments/degradation")
FOLDERS += ("logs/plain", "logs/flowers-128", "DIR", "RUN", "flowers", "hand-ins")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def lines(text):
    """The lines of a page's shell blocks, without comments."""
    shown = "".join(blocks(text, "(?:bash|powershell)")).splitlines()
    return [re.sub(r"  +#.*", "", line) for line in shown]


def in_sentences(text):
    """The commands between backticks."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`((?:python|tensorboard) [^`]+)`", " ".join(prose.split()))


def python_commands(text):
    """(program, its arguments) of each `python PROGRAM ...`."""
    for command in [*lines(text), *in_sentences(text)]:
        for part in re.split("&&|;", command):
            if found := re.match(r"python (?:-m )?([\w./]+)(.*)", part.strip()):
                yield found[1], found[2].strip()


COMMANDS = sorted(
    {
        command
        for name, text in PAGES.items()
        if name != "CHANGELOG.md"
        for command in python_commands(text)
        if not re.search(r"(?<!/)\bNAME\b", command[1])
    }
)


def test_readmes_are_for_one_sitting():
    assert max(len(PAGES[name].splitlines()) for name in ("README.md", "README.zh.md")) <= 200


def headings(text):
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[name]):
        if link.startswith("http"):
            continue
        file, _, anchor = link.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), link
        assert not anchor or anchor in headings(path.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("name", PAGES)
def test_the_files_and_networks_that_a_page_names_are_there(name):
    for file in re.findall(r"`((?:tfresnet|tests|docs)/[\w./]+)`", PAGES[name]):
        assert "NAME" in file or (ROOT / file).exists(), file
    assert set(re.findall(r"`((?:resnet|plain|wrn)\d\w*)`", PAGES[name])) <= {*MODELS}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with everything that the pages' commands read."""
    for name in (*FOLDERS, *FILES):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if name in FILES else path.mkdir()
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)


def parser_of(program):
    """The `parse` beside the command; None for other programs and the benchmarks."""
    name = FLAGS.get(program, program)
    if not name.startswith("tfresnet.") or name == "tfresnet.benchmark":
        return None
    module = importlib.import_module(name)
    return getattr(module, "parse", None) or importlib.import_module(f"{name}.__main__").parse


@pytest.mark.parametrize(("program", "arguments"), COMMANDS)
def test_a_command_is_possible(program, arguments, place):
    parse = parser_of(program)
    if parse:
        assert parse(shlex.split(arguments))
    else:
        path = ROOT / program.replace(".", "/") if "/" not in program else ROOT / program
        known = (ROOT / program, path.with_suffix(".py"))
        assert program in ("pytest", "venv") or any(file.exists() for file in known)


def test_ci_runs_commands_that_the_pages_show():
    run = re.findall(r"^readme '(.*)'$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert len(run) > 3
    assert {*run} <= {*lines(README), *lines(PAGES["docs/commands.md"])}


@pytest.mark.parametrize("name", TRANSLATED)
def test_both_languages_have_the_same_commands_code_and_pictures(name):
    english, chinese = PAGES[name], PAGES[name.replace(".md", ".zh.md")]
    assert lines(chinese) == lines(english)
    assert blocks(chinese, "python") == blocks(english, "python")
    if name == "docs/course.md":
        assert in_sentences(chinese) == in_sentences(english)
    same = chinese.replace(".zh.png", ".png")  # a picture may have Chinese words
    pictures = [re.findall(r"!\[[^]]*\]\(([^)]+)\)", text) for text in (english, same)]
    assert pictures[0] == pictures[1]


def test_the_course_has_a_place_for_each_study():
    shown = python_commands(PAGES["docs/course.md"])
    named = {words.split()[0] for program, words in shown if program == "tfresnet.experiments"}
    assert named == {*study_names()}


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)


def test_the_python_of_the_pages_runs(pixels, small_shapes10, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = blocks(PAGES["docs/python.md"], "python")
    assert blocks(README, "python") == code[:1]
    names = {"pictures": pixels, "pixels": pixels}
    exec(code[0].replace("resnet20", "resnet8"), names)
    assert names["model"].count_params() == 11_183_562
    assert names["result"]["top1"] == names["run"].result["top1"]
    names["run"].path.rename("logs/shapes10")
    for block in code[1:]:
        exec(block, names)
        assert names["model"].predict(pixels, verbose=0).shape == (2, 10)


def test_the_python_of_the_results_runs(pixels):
    (code,) = blocks(PAGES["docs/results.md"], "python")
    exec(code, {"tfresnet": tfresnet, "pictures": pixels})


def test_the_tree_has_every_part_of_the_package():
    tree = README[README.index("## The tree") :]
    for path in (ROOT / "tfresnet").iterdir():
        if path.name not in ("__init__.py", "__pycache__", "py.typed"):
            assert path.name in tree, path.name


def test_the_table_of_studies_has_the_kept_verdicts():
    kept = {name: ROOT / "docs" / "studies" / name / "results.json" for name in study_names()}
    rows = re.findall(r"^\| `(\w+)` \| .* \| \[(\w+)\]", PAGES["docs/studies.md"], re.MULTILINE)
    verdicts = {name: json.loads(path.read_text())["verdict"] for name, path in kept.items()}
    assert dict(rows) == verdicts


def files_that_run(work):
    """The files of the package whose functions `work` calls."""
    ran, package = set(), f"{ROOT / 'tfresnet'}/"

    def note(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_flags & inspect.CO_OPTIMIZED:  # a function's, no class body
            ran.add(code.co_filename)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return {name.removeprefix(package) for name in ran if name.startswith(package)}


class TestReadingPath:
    @pytest.mark.parametrize("name", reading_path.PAGES)
    def test_is_as_long_as_it_says(self, name):
        assert reading_path.counted(PAGES[name]) == PAGES[name]
        assert reading_path.files(PAGES[name]) == reading_path.files(README)

    def test_what_it_leaves_out_is_named(self, tiny):
        ran = files_that_run(lambda: tfresnet.train(tiny()))
        for name in reading_path.PAGES:
            section = PAGES[name].partition("|---|---|---:|\n")[2].partition("\n## ")[0]
            named = re.findall(r"`([\w/]+(?:\.py|/))`", section)
            folders = tuple(name for name in named if name.endswith("/"))
            assert [file for file in ran - {*named} if not file.startswith(folders)] == []
        assert {"layers/residual.py", "training/loop.py", "evaluation/evaluator.py"} <= ran
