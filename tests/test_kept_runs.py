"""The commands that the pages show for kept runs work for everybody, wherever the data are."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from support.fake_cifar10 import ARCHIVE, FOLDER, ROWS, FakeCifar10, write_archive

import evaluate
from tfresnet.data import cifar10_files
from tfresnet.errors import InputError
from tfresnet.experiments import __main__ as experiments
from tfresnet.experiments import lesion

ROOT = Path(__file__).parent.parent
MAINS = {"evaluate.py": evaluate.main, "-m tfresnet.experiments": experiments.main}
PAGES = [*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md")]
SHOWN = [re.findall(r"python [^`#\n]*docs/runs/[^`#\n]*", page.read_text()) for page in PAGES]
COMMANDS = {command.strip() for commands in SHOWN for command in commands}
COMMANDS = sorted(
    command for command in COMMANDS if not re.search("train.py|tfresnet.results", command)
)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder with the kept runs that have a model, where the place of their data is not."""
    for file in ROOT.glob("docs/runs/*/model.keras"):
        run = tmp_path / file.parent.relative_to(ROOT)
        run.mkdir(parents=True)
        shutil.copy(file, run)
        content = json.loads((file.parent / "config.json").read_text())
        assert content["settings"]["data_dir"]
        content["settings"] |= {"data_dir": "../gone", "val_size": 20}
        (run / "config.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def data(clone, monkeypatch):
    """A small CIFAR-10 in another folder."""
    monkeypatch.setattr(cifar10_files, "ROWS", ROWS)
    monkeypatch.setattr(lesion, "DRAWS", 1)
    return write_archive(clone / "data" / ARCHIVE, FOLDER, FakeCifar10().pickles())


def call(command):
    program, rest = re.fullmatch(r"python ((?:-m )?[\w.]+) (.*)", command).groups()
    MAINS[program](shlex.split(rest))


def test_the_pages_show_some():
    assert COMMANDS


@pytest.mark.parametrize("command", [*COMMANDS, "python evaluate.py docs/runs/resnet20-cifar10"])
def test_commands_find_the_data(command, data, monkeypatch, caplog):
    monkeypatch.setenv("TFRESNET_DATA_DIR", str(data.parent))
    call(command)
    said = [line for line in caplog.messages if line.startswith("../gone is gone")]
    assert len(said) == (".keras" not in command)


def test_a_study_takes_the_place_of_the_data(data, caplog):
    call(
        f"python -m tfresnet.experiments lesion --runs docs/runs/resnet20-cifar10 --data-dir {data}"
    )
    assert Path("logs/experiments/own/lesion/results.json").exists()
    assert {message.partition(" has ")[2] for message in caplog.messages} == {
        "other images or labels than the published CIFAR-10"
    }


def test_a_run_whose_model_was_left_out_says_so_before_data_are_looked_for(monkeypatch):
    monkeypatch.setenv("TFRESNET_DATA_DIR", "nowhere")
    with pytest.raises(InputError, match="finished; its model was left out"):
        evaluate.main([str(ROOT / "docs" / "runs" / "resnet18-cifar10")])
