"""The report of networks that users wrote themselves, and what is handed in."""

import html
import os
import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from support.small import leave_pages_out, shrink_shapes10

import tfresnet
from tfresnet import TrainConfig
from tfresnet.errors import InputError
from tfresnet.report import sources
from tfresnet.report.__main__ import main
from tfresnet.report.command import render, write
from tfresnet.runs.record import RunRecord
from tfresnet.runs.verification import verify

RUNS = Path(__file__).parents[2] / "docs" / "runs"
CODE = '''"""A network: `pixels`, in % of 255.

```
<!-- no comment -->
"""
import keras
from keras import layers

class Double(layers.Layer):
    def call(self, x):
        return x * 5 % 255

class Net(keras.Model):
    def __init__(self, num_classes=10):
        super().__init__()
        self.first = layers.Conv2D(4, 5, 4, activation="relu")
        self.double, self.flat = Double(), layers.Flatten()
        self.fc = layers.Dense(num_classes)

    def call(self, x):
        return self.fc(self.flat(self.first(self.double(x))))
'''

LAYER = re.compile(r"^\| own/\S*conv2d\S* \| Conv2D \| 7x7x4 \| 304 \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    file = folder / "student.py"
    file.write_text(CODE)
    settings = {"dataset": "shapes10", "val_size": 40, "batch_size": 64, "epochs": 1}
    with pytest.MonkeyPatch.context() as patch:
        shrink_shapes10(patch)
        leave_pages_out(patch)
        config = TrainConfig(model=f"{file}:Net", output_dir=folder, name="run", **settings)
        return tfresnet.train(config).path


@pytest.fixture
def run(trained, tmp_path, small_shapes10):
    (tmp_path / "student.py").write_text(CODE)
    run = RunRecord(shutil.copytree(trained, tmp_path / "logs" / "run"))
    kept = run.folder.code
    kept.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n" + CODE)  # a stranger's
    return run


def rendered(tmp_path, *runs, **options):
    files = render([*map(Path, runs)], "en", tmp_path / "report", **options)
    return files["report.md"].decode(), files["report.html"].decode()


def test_code_that_is_not_trusted_is_shown_and_does_not_run(run, tmp_path):
    markdown, page = rendered(tmp_path, run.path)
    assert not (tmp_path / "ran").exists()
    assert f"{run.environment['trainable']:,}" in markdown
    assert "--trust-code" in markdown
    assert "check_unit` finds" not in markdown
    (shown,) = re.findall(r'<code class="language-python">(.*?)</code>', page, re.DOTALL)
    assert html.unescape(shown).strip() == run.folder.code.read_text().strip()


def test_trusted_code_is_counted_and_compared(run, tmp_path):
    markdown, _ = rendered(tmp_path, run.path, trusted=True)
    assert (tmp_path / "ran").exists()
    assert LAYER.search(markdown)
    assert "check_unit` finds differences" in markdown
    assert "more lines)\n```" in markdown
    assert "\nNet, 32x32x3 to 10 classes: differs\n" in markdown


def test_a_file_of_the_users_own_stands_for_the_code_in_the_run(run, tmp_path):
    markdown, _ = rendered(tmp_path, run.path, given=str(tmp_path / "student.py"))
    assert not (tmp_path / "ran").exists()
    assert LAYER.search(markdown)


def test_code_that_cannot_be_compared_says_why(tmp_path, tiny):
    file = tmp_path / "student.py"
    file.write_text(
        CODE.replace("num_classes=10", "num_classes, depth").replace("(4, 5", "(depth, 5")
    )
    run = tfresnet.train(tiny(model=f"{file}:Net", model_option={"depth": 4}))
    markdown, _ = rendered(tmp_path, run.path, trusted=True)
    assert "check_unit` cannot compare it" in markdown
    assert "the parameter 'depth'\n```" in markdown


def test_what_is_handed_in_can_be_checked(run, tmp_path):
    run.folder.code.write_text(CODE)
    archive = tmp_path / "mine.zip"
    place = ["--runs", str(run.path), "--output-dir", str(tmp_path / "report")]
    main([*place, "--hand-in", str(archive)])
    with ZipFile(archive) as packed:
        assert not any("checkpoints" in name for name in packed.namelist())
        packed.extractall(tmp_path / "lecturer")
    top1 = run.result["top1"]
    shutil.rmtree(run.path)
    got = tmp_path / "lecturer" / "mine"
    assert "<h2" in (got / "report" / "report.html").read_text()
    assert verify(got / "run", trust_code=True).sound
    assert tfresnet.evaluate(got / "run", trust_code=True)["top1"] == top1
    assert (got / "run" / "network.py").read_text() == CODE
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def kept(tmp_path):
    """A function that copies a kept run."""

    def copied(name, model="resnet20"):
        path = tmp_path / "logs" / name
        shutil.copytree(RUNS / "resnet20-cifar10-10epochs-val-seed0", path)
        for file in path.glob("*.json"):
            file.write_text(file.read_text().replace('"resnet20"', f'"{model}"'))
        return path

    return copied


def test_a_run_without_its_model_is_not_handed_in(kept, tmp_path):
    with pytest.raises(InputError, match="its model was left out"):
        write([kept("a")], "en", tmp_path / "report", archive=tmp_path / "a.zip")
    assert not (tmp_path / "report").exists()


def test_a_plain_twin_stands_in_the_same_chart(kept, tmp_path):
    both = kept("a"), kept("b", "plain20")
    files = render([*both], "en", tmp_path)
    assert "curves-resnet20-plain20-1.png" in files
    assert "`a`, `b` differ in the network alone" in files["report.md"].decode()
    (both[1] / "config.json").write_text(
        (both[1] / "config.json").read_text().replace('"epochs": 10', '"epochs": 9')
    )
    assert "curves-plain20-1.png" in render([*both], "en", tmp_path)


class TestWords:
    def test_of_a_file_stand_in_their_sections(self, kept, tmp_path):
        words = tmp_path / "words.md"
        words.write_text("Ada\n\n## Curves\n\nThey **fall**.\n\n### Later\n\n## Conclusion\n")
        markdown, page = rendered(tmp_path, kept("a"), words=words)
        assert re.search(r"number, class, date\.\n\nAda\n\n<!-- end -->", markdown)
        assert "epochs bring?\n\nThey **fall**.\n\n### Later\n\n<!-- end -->" in markdown
        assert "They <strong>fall</strong>." in page

    def test_of_an_unknown_section_are_refused(self, kept, tmp_path):
        words = tmp_path / "words.md"
        words.write_text("## Kurven\n\nBeide fallen.\n")
        with pytest.raises(InputError, match=r"one of Background, .*\. Received: Kurven"):
            rendered(tmp_path, kept("a"), words=words)


def test_without_names_the_report_is_of_what_was_finished_last(kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept("a"), kept("b"), kept("experiments/runs/c")
    for age, file in enumerate(("b/result.json", "a/result.json")):
        os.utime(Path("logs", file), (1e9 - age, 1e9 - age))
    assert sources.last() == [Path("logs/b")]
    study = Path("logs/experiments/degradation")
    study.mkdir()
    results = '{"claim": "", "source": "", "verdict": "holds", "why": "", "runs": {"plain": ["c"]}}'
    (study / "results.json").write_text(results)
    assert sources.last() == [Path("logs/experiments/runs/c"), study]
