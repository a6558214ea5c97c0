"""The lab report: what is committed, and what the command makes of a student's own runs."""

import base64
import functools
import html.parser
import io
import json
import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from tfresnet.errors import InputError
from tfresnet.experiments import study_names
from tfresnet.experiments.engine.figures import chart, titles
from tfresnet.param_count import reports
from tfresnet.report import drawings, sources
from tfresnet.report.__main__ import main
from tfresnet.report.command import TEXTS, render, write
from tfresnet.report.curves import by_network
from tfresnet.report.page import page as make_page
from tfresnet.report.translation import say

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "docs" / "runs"
COMMITTED = ROOT / "docs" / "report"
VOID = {"meta", "img", "br"}
SUFFIXES = {"en": "", "zh": ".zh"}
_count_once = functools.cache(reports.measure)


def texts(language):
    return tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8"))


def without_pictures(page):
    return re.sub(r"base64,[^\"]+", "", page)


def drawn(figure):
    """The pictures of a figure as images."""
    return [Image.open(io.BytesIO(png)) for png in drawings.pictures(figure)]


@pytest.fixture
def drawn_once(monkeypatch):
    """Charts of the committed report in place of new ones, which would take most of the time."""
    png = (COMMITTED / "curves-resnet20-1.png").read_bytes()
    monkeypatch.setattr(drawings, "pictures", lambda figure: [png] * len(figure.axes))
    monkeypatch.setattr(drawings, "rewrite", lambda png, *_: png)
    monkeypatch.setattr(reports, "measure", _count_once)


@pytest.fixture
def run(tmp_path):
    """A function that makes a run folder out of a kept one."""

    def made(name, kept="resnet20-cifar10", settings=(), result=()):
        path = tmp_path / "logs" / name
        path.mkdir(parents=True)
        for file in ("config.json", "result.json", "history.csv"):
            shutil.copy(RUNS / kept / file, path)
        for file, changes in (("config.json", {"settings": settings}), ("result.json", result)):
            content = json.loads((path / file).read_text())
            for key, value in dict(changes).items():
                content[key] = content[key] | dict(value) if key == "settings" else value
            (path / file).write_text(json.dumps(content))
        return str(path)

    return made


@pytest.fixture
def study(tmp_path):
    """The folder of a study with a verdict and a chart."""
    path = tmp_path / "logs" / "experiments" / "degradation"
    path.mkdir(parents=True)
    results = {"claim": "Deeper is worse.", "source": "deck A", "verdict": "fails", "why": "5 < 6"}
    results["runs"] = {}
    (path / "results.json").write_text(json.dumps(results))
    shutil.copy(COMMITTED / "curves-resnet20-1.png", path / "error.png")
    return str(path)


@pytest.fixture
def report(tmp_path, drawn_once):
    """A function that writes a report and returns its Markdown and its page."""

    def written(*paths, language="en"):
        write(list(paths), language, tmp_path / "report")
        file = tmp_path / "report" / f"report{SUFFIXES[language]}"
        return [Path(f"{file}{suffix}").read_text() for suffix in (".md", ".html")]

    return written


class TestCommitted:
    @pytest.mark.parametrize("language", SUFFIXES)
    def test_is_what_the_command_writes_from_the_kept_runs(self, language, drawn_once, monkeypatch):
        """python -m tfresnet.report --runs docs/runs docs/studies --output-dir docs/report"""
        monkeypatch.chdir(ROOT)
        paths = sources.folders([RUNS, RUNS.parent / "studies"])
        files = render(paths, language, COMMITTED)
        for name, content in files.items():
            if name.endswith(".png"):  # bytes differ between versions of matplotlib
                assert (COMMITTED / name).exists()
            else:
                kept = (COMMITTED / name).read_text()
                assert without_pictures(content.decode()) == without_pictures(kept)
        pictures = {name for name in files if name.endswith(".png")}
        kept = {path.name for path in COMMITTED.glob("*.png")}
        assert pictures == {name for name in kept if (".zh." in name) == (language == "zh")}

    def test_is_small(self):
        assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < 4e6

    @pytest.mark.parametrize("suffix", SUFFIXES.values())
    def test_page_holds_the_pictures_that_lie_beside_the_markdown(self, suffix):
        page = (COMMITTED / f"report{suffix}.html").read_text()
        markdown = (COMMITTED / f"report{suffix}.md").read_text()
        inside = [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", page)]
        beside = re.findall(r"!\[[^]]*\]\((\S+)\)", markdown)
        assert inside == [(COMMITTED / name).read_bytes() for name in beside]
        assert inside


class TestTexts:
    def test_both_languages_have_the_same_keys_and_gaps(self):
        def shape(table):
            return {
                key: shape(value) if isinstance(value, dict) else re.findall(r"\{\w*\}", value)
                for key, value in table.items()
                if key not in ("names", "claims", "captions", "phrases", "marks", "fonts")
            }

        english, chinese = shape(texts("en")), shape(texts("zh"))
        for part in (english, chinese):  # the order of words is the language's own
            part["studies"]["claim"].sort()
        assert english == chinese

    def test_results_of_the_kept_studies_are_wholly_chinese(self):
        """Names of networks, of people and of papers remain."""
        chinese = texts("zh")
        for file in (RUNS.parent / "studies").glob("*/results.json"):
            results = json.loads(file.read_text())
            for text in (results["source"], results["why"]):
                said = say(text, chinese["phrases"], chinese["marks"])
                words = re.findall(r"(?<![A-Za-z])[a-z]{2,}(?![a-zA-Z0-9_])", said)
                assert {*words} <= {"alexnet", "nin"}, said
                assert " %" not in said

    def test_every_chart_has_its_caption_in_chinese(self):
        pictures = (RUNS.parent / "studies").glob("*/*.png")
        expected = {f"{path.parent.name}-{path.stem}" for path in pictures}
        assert set(texts("zh")["captions"]) == expected

    def test_every_study_has_its_claim_in_chinese(self):
        assert set(texts("zh")["claims"]) == set(study_names())

    def test_no_title_of_a_table_is_left_in_english(self, run, study, report):
        deeper = run("b", settings={"model": "resnet32"}.items())
        _, page = report(run("a"), deeper, study, language="zh")
        translated = {key for key, value in texts("zh")["columns"].items() if key != value}
        assert not translated & set(re.findall(r"<th[^>]*>([^<]+)</th>", page))


class TestOneRun:
    def test_without_studies_and_validation(self, run, report):
        markdown, _ = report(run("mine", "resnet20-cifar10-10epochs-seed0"))
        assert "| `mine` | 9.18 | 10.44 ± 0.61 | 0.37 | 9.63 |" in markdown
        assert "| run | training error | test error | test top-5 error | with flip |" in markdown
        assert "--model resnet20 --val-size 0 --epochs 10" in markdown
        assert texts("en")["studies"]["none"] in markdown

    def test_of_shapes10_stands_beside_no_paper(self, run, report):
        markdown, _ = report(run("mine", settings={"dataset": "shapes10"}.items()))
        assert texts("en")["data"]["shapes10"] in markdown
        assert "CIFAR-10**: 60,000" not in markdown
        assert "--dataset shapes10" in markdown

    def test_counts_the_network_as_it_was_built(self, run, report):
        markdown, _ = report(run("mine", settings={"shortcut": "B"}.items()))
        assert "| resnet20, shortcut=B | 32x32x3 | 10 |  | 20 |" in markdown
        assert f"{269_722 + 2_752:,}" in markdown


class TestFolders:
    def test_hold_finished_runs_and_studies(self, run, study, tmp_path, drawn_once, monkeypatch):
        run("mine")
        unfinished = Path(run("unfinished"))
        (unfinished / "result.json").unlink()
        monkeypatch.chdir(tmp_path)
        main(["--runs", "logs", "logs/experiments"])
        markdown = Path("logs/report/report.md").read_text()
        assert "| `mine` | cifar10 |" in markdown
        assert "| [`degradation`](#degradation) | fails |" in markdown
        assert "unfinished" not in markdown

    def test_are_runs_or_hold_them(self, run, study, tmp_path):
        two, ten = Path(run("depth2")), Path(run("depth10"))
        assert sources.folders([tmp_path / "logs"]) == [two, ten]
        assert sources.folders([ten, Path(study)]) == [ten, Path(study)]
        assert sources.folders([Path(study).parent]) == [Path(study)]


class TestOwnData:
    def test_images_held_out_are_those_that_were(self, run, report):
        """A folder may have its val/, of any size."""
        paths = [
            run(f"folder-{held_out}", settings={"dataset": "folder", "val_size": None}.items())
            for held_out in ("unknown", 300)
        ]
        config = Path(paths[1], "config.json")
        content = json.loads(config.read_text())
        content["environment"]["held_out"] = 300
        config.write_text(json.dumps(content))
        markdown, _ = report(*paths)
        assert "10 %" not in markdown
        assert "| `folder-300` | 300 |" in markdown


def test_commands_make_new_runs_and_evaluate_those(run, report):
    markdown, _ = report(run("mine"))
    assert " --name mine-again\n" in markdown
    assert "python evaluate.py logs/mine-again\n" in markdown


def test_confusions_are_named_most_frequent_first(run, report):
    markdown, _ = report(run("mine", "resnet18-cifar10"))
    first, second = "| cat | dog | 93 |", "| dog | cat | 53 |"
    assert markdown.index(first) < markdown.index(second)
    assert "| cat | cat |" not in markdown


@pytest.mark.parametrize(("language", "verdict"), [("en", "fails"), ("zh", "不成立")])
def test_a_study_stands_with_claim_verdict_and_chart(run, study, report, language, verdict):
    markdown, page = report(run("a"), study, language=language)
    claim = texts(language)["claims"].get("degradation", "Deeper is worse.")
    for said in (
        f"| [`degradation`](#degradation) | {verdict} |",
        claim,
        "5 < 6",
        f"(degradation-error{SUFFIXES[language]}.png)",
    ):
        assert said in markdown
    assert "5 &lt; 6" in page
    assert page.count("<img") == 4


def test_error_against_depth_is_drawn_of_two_networks_by_one_recipe(run, report):
    deeper, other = (
        run(name, settings={"model": "resnet32", "lr": lr}.items())
        for name, lr in (("deeper", 0.1), ("other", 0.2))
    )
    one = run("one", settings={"lr": 0.1}.items())
    for found, is_drawn in (((one, deeper), True), ((one, other), False)):
        markdown, _ = report(*found)
        assert ("(depths.png)" in markdown) == is_drawn
        assert ("| 13.03 % | 7.51 % | +5.52 |" in markdown) == is_drawn


def test_tables_show_the_columns_that_differ(run, report):
    """What all runs share is said once; a setting without a column of its own gets one."""
    sizes = {"image_sizes": [24, 32], "padding_mode": "reflect"}
    markdown, _ = report(run("a"), run("b", settings=sizes.items()))
    assert "The same for all runs: data cifar10; classes 10; " in markdown
    assert "| run | --image-sizes | --padding-mode |" in markdown
    assert "| `b` | 24,32 | reflect |" in markdown


def test_contents_lead_to_every_section(run, report):
    markdown, page = report(run("a"), language="zh")
    links = re.findall(r"^- \[.*\]\((#.*)\)$", markdown, re.MULTILINE)
    assert len(links) == 10
    for link in links:
        assert f'id="{link[1:]}"' in page
        assert f'href="{link}"' in page


class TestCurves:
    def test_are_one_chart_for_each_network(self, run, report, tmp_path):
        report(run("a"), run("b", "resnet56-cifar10-20epochs-seed0"))
        names = {path.name for path in (tmp_path / "report").glob("curves*.png")}
        assert names == {"curves-resnet20-1.png", "curves-resnet20-2.png", "curves-resnet56.png"}

    def test_are_as_many_together_as_can_be_told_apart(self, run, report, tmp_path):
        report(*(run(f"run{n}", settings={"lr": 0.1 + n}.items()) for n in range(9)))
        names = {path.name for path in (tmp_path / "report").glob("curves*.png")}
        assert names == {f"curves-resnet20{end}.png" for end in ("-1", "-2", "-8-1", "-8-2")}

    def test_of_seeds_are_one_line(self, run):
        kept = "resnet20-cifar10-10epochs-val-seed"
        paths = [run(f"mine-seed{n}", f"{kept}{n}") for n in range(3)]
        records = sources.read([Path(path) for path in paths])[0]
        (line,) = drawings.curves({"mine": records}, str).axes[0].lines
        expected = np.mean([record.curve("top1") for record in records], axis=0)
        assert line.get_ydata() == pytest.approx(expected)
        assert [*by_network(records)["resnet20"]] == ["mine (3 runs)"]

    def test_of_a_network_in_a_file_have_a_file_name(self, run, report, tmp_path, monkeypatch):
        monkeypatch.setattr(
            "tfresnet.report.curves.by_network", lambda runs: {"a/b.py:C": {"a": runs}}
        )
        report(run("a"))
        names = {path.name for path in (tmp_path / "report").glob("curves*.png")}
        assert names == {"curves-a-b.py-C-1.png", "curves-a-b.py-C-2.png"}

    def test_say_which_runs_have_no_validation(self, run, report):
        markdown, _ = report(run("a"), run("b", "resnet20-cifar10-10epochs-seed0"))
        assert "; without validation images: `b`*" in markdown


def test_a_perfect_network_confuses_nothing(run, report):
    confusion = [[1000 * (row == column) for column in range(10)] for row in range(10)]
    markdown, _ = report(run("a", result={"confusion": confusion}))
    assert texts("en")["classes"]["nothing confused"].format(run="a") in markdown
    assert "taken for |" not in markdown


class TestDrawings:
    """A name may hold what begins a formula."""

    def test_of_the_same_runs_have_the_same_bytes(self, run):
        paths = [Path(run("$a$")), Path(run("b", "resnet20-cifar10-10epochs-seed0"))]
        groups = {one.name: [one] for one in sources.read(paths)[0]}
        first, second = (drawings.pictures(drawings.curves(groups, str)) for _ in range(2))
        assert first == second

    def test_of_runs_without_validation_are_one_chart(self, run):
        alone = sources.read([Path(run("a", "resnet20-cifar10-10epochs-seed0"))])[0]
        assert len(drawn(drawings.curves({"a": alone}, str))) == 1

    def test_of_a_confusion_have_a_palette(self):
        result = json.loads((RUNS / "resnet20-cifar10" / "result.json").read_text())
        (picture,) = drawn(drawings.confusion(["$x$", *"bcdefghij"], result["confusion"], str))
        assert picture.mode == "P"

    def test_of_a_study_are_redrawn_in_the_language(self):
        study = sources.read([RUNS / "resnet20-cifar10", RUNS.parent / "studies" / "shortcuts"])[1][
            0
        ]
        figure = study.redraw()["error.png"]
        drawings.translate(
            figure, lambda text: text.replace("A", "零填充").replace("shortcut", "捷径")
        )
        (axes,) = figure.axes
        assert axes.get_xlabel() == "捷径 (option)"
        labels = [text.get_text().splitlines()[0] for text in axes.get_xticklabels()]
        assert labels == ["零填充", "B", "C"]

    def test_of_a_study_that_cannot_be_redrawn_get_other_titles(self):
        figure, (_, right) = chart("cat", "dog", x="epoch", y="error")
        written = io.BytesIO()
        figure.savefig(written, metadata={"titles": titles(figure)})
        png, frog = written.getvalue(), {"cat": "frog", "dog": "dog"}
        both = (drawings.rewrite(png, say, ["DejaVu Sans"]) for say in (str, frog.get))
        changed = ImageChops.difference(*(Image.open(io.BytesIO(one)).convert("L") for one in both))
        _, _, right_edge, bottom = changed.point(lambda gap: 255 * (gap > 64)).getbbox()
        assert right_edge < right.bbox.x0
        assert bottom < figure.bbox.height - right.bbox.y1

    def test_panels_are_pictures_of_their_own(self):
        """So that they can stand below each other on a phone."""
        figure, axes = chart("left", "right", x="epoch", y="error")
        for one in axes:
            one.plot([1, 2], [3, 4])
        left, right = drawn(figure)
        assert left.height == pytest.approx(right.height, abs=4)
        assert left.width == pytest.approx(right.width, abs=4)


class TestOwnWords:
    def test_are_kept_and_put_into_the_page(self, run, report, tmp_path):
        path = run("a")
        markdown, _ = report(path)
        prompt = texts("en")["words"]["curves"]
        file = tmp_path / "report" / "report.md"
        file.write_text(markdown.replace(prompt, f"{prompt} Both fall.\n\nNo **gap** at a < b."))
        markdown, page = report(path)
        assert f"> **Your words:** {prompt}\n\nBoth fall.\n\nNo **gap** at a < b." in markdown
        assert "<p>Both fall.</p>\n<p>No <strong>gap</strong> at a &lt; b.</p>" in page
        assert report(path) == [markdown, page]

    def test_that_could_not_be_kept_stop_the_command(self, run, report, tmp_path):
        path = run("a")
        markdown, _ = report(path)
        broken = markdown.replace("<!-- words: curves -->", "")
        (tmp_path / "report" / "report.md").write_text(broken)
        with pytest.raises(InputError, match=r"missing: curves\. Received: .*report\.md"):
            report(path)
        assert (tmp_path / "report" / "report.md").read_text() == broken


class TestBadInput:
    def refused(self, tmp_path, paths, message):
        with pytest.raises(InputError, match=message) as error:
            write(paths, "en", tmp_path / "report")
        assert "\n" not in str(error.value)
        assert not (tmp_path / "report").exists()

    def test_unfinished_run(self, run, tmp_path):
        path = run("a")
        (Path(path) / "result.json").unlink()
        self.refused(tmp_path, [path], "must be finished")

    @pytest.mark.parametrize("file", ["history.csv", "config.json"])
    def test_damaged_run(self, run, tmp_path, file):
        path = run("a")
        (Path(path) / file).write_text("epoch,step\n1,x\n")
        self.refused(tmp_path, [path], r"^a run .* Received: \S+a$")

    def test_damaged_study(self, run, study, tmp_path):
        (Path(study) / "results.json").write_text("{}")
        self.refused(tmp_path, [run("a"), study], "a study must have a whole")

    def test_studies_alone(self, study, tmp_path):
        self.refused(tmp_path, [study], "a report must have a finished run")

    def test_the_same_run_twice(self, run, tmp_path):
        path = run("a")
        self.refused(tmp_path, [path, path], "names of their own")

    def test_no_run_at_all(self, tmp_path, monkeypatch):
        """The kept runs are not the user's."""
        for folder in ("docs/runs", "docs/studies"):
            (tmp_path / folder).parent.mkdir(exist_ok=True)
            (tmp_path / folder).symlink_to(ROOT / folder)
        (kept,) = (ROOT / "logs").glob("resnet18-*-seed0")  # no run, but its curves
        shutil.copytree(kept, tmp_path / "logs" / kept.name)
        monkeypatch.chdir(tmp_path)
        self.refused(tmp_path, ["logs", "logs/experiments"], "a report must have a finished run")

    def test_a_place_that_cannot_be_written(self, run, tmp_path, drawn_once):
        path = run("a")
        (tmp_path / "file").write_text("")
        for place in (tmp_path / "file" / "report", tmp_path / "file", Path("/proc/report")):
            with pytest.raises(InputError, match="output_dir must be a folder"):
                write([path], "en", place)

    @pytest.mark.parametrize("flags", [["--runs", "nowhere"], ["--lang", "de"]])
    def test_flags(self, flags, capsys):
        with pytest.raises(SystemExit) as end:
            main(flags)
        assert end.value.code == 2
        assert "Received" in (said := capsys.readouterr().err) or "invalid choice" in said


class Checker(html.parser.HTMLParser):
    """Collects tags, and finds those that are never closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_beside_it(run, study, report):
    result = json.loads((RUNS / "resnet20-cifar10" / "result.json").read_text())
    names = ["<b>", "a|b", *"cdefghij"]
    classes = dict(zip(names, result["per_class"].values(), strict=True))
    _, page = report(run("<a>", result={"per_class": classes}), study)
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert not {"script", "link", "iframe", "b"} & {tag for tag, _ in checker.seen}
    sources = [attributes["src"] for _, attributes in checker.seen if "src" in attributes]
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "url(" not in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`a < b` and **c**", "<code>a &lt; b</code> and <strong>c</strong>"),
        ("[0](../a/) 5 %", '<a href="../a/">0</a> 5&nbsp;%'),
        ("`**` <i>", "<code>**</code> &lt;i&gt;"),
    ],
)
def test_marks(text, expected):
    assert f"<p>{expected}</p>" in make_page(text, {}, "title", "en")
