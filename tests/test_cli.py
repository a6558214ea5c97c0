"""The scripts: good and bad command lines, exit status, nothing written after an error."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tfresnet import cli
from tfresnet.training.config import TrainConfig

ROOT = Path(__file__).parent.parent
COMMANDS = [
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("*.py"), *(ROOT / "tfresnet").rglob("*.py")]
    if "def main(argv" in path.read_text()
]


def run(*command, **options):
    options = {"capture_output": True, "text": True, "cwd": ROOT, "timeout": 120} | options
    return subprocess.run([sys.executable, *command], **options)


def test_every_setting_is_a_flag_and_arrives():
    parsed = cli.parse_train(
        ["--model", "resnet20", "--lr", "0.2", "--no-augment", "--weight-decay", "1e-4", "--seed=3"]
    )
    config = TrainConfig(model="resnet20", lr=0.2, augment=False, weight_decay=1e-4, seed=3)
    assert parsed == {"config": config}
    assert cli.parse_train([]) == {"config": TrainConfig()}


def test_a_run_is_continued_with_its_own_settings_and_data_that_may_have_moved():
    assert cli.parse_train(["--resume", "logs/a"]) == {"resume": "logs/a"}
    moved = cli.parse_train(["--resume", "logs/a", "--data-dir", "here"])
    assert moved == {"resume": "logs/a", "data_dir": "here"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--epochs", "0"], "--epochs must be at least 1. Received: 0"),
        (["--epochs", "-1"], "--epochs must be at least 1. Received: -1"),
        (["--epochs", "two"], "argument --epochs: invalid int value: 'two'"),
        (["--batch-size", "0"], "--batch-size must be at least 1. Received: 0"),
        (["--lr", "nan"], "--lr must be a number above 0. Received: nan"),
        (["--label-smoothing", "1.5"], "--label-smoothing must be a number from 0 to below 1."),
        (["--precision", "float8"], "argument --precision: invalid choice: 'float8'"),
        (["--epoch", "3"], "unrecognized arguments: --epoch 3"),
        (["--resume", "a", "--lr", "1"], "--resume takes all settings but --data-dir from"),
        (["extra"], "unrecognized arguments: extra"),
    ],
)
def test_bad_flags_of_train(argv, message, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.parse_train(argv)
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.startswith(f"train.py: error: {message}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_quick(command):
    code = (
        f"import sys; sys.argv = ['{command}', '--help']; import runpy\n"
        f"try: runpy.run_path('{command}', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "loaded = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "assert not loaded, f'help must not load {loaded}'"
    )
    done = run("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


def test_help_of_train_is_complete(capsys):
    with pytest.raises(SystemExit):
        cli.parse_train(["--help"])
    shown = capsys.readouterr().out
    for field in dataclasses.fields(TrainConfig):
        assert "--" + field.name.replace("_", "-") in shown
    assert "default: resnet18" in " ".join(shown.split())


def test_scripts_are_short():
    for script in ("train.py", "evaluate.py"):
        assert len((ROOT / script).read_text().splitlines()) < 40


def test_without_data_and_network_three_lines_say_what_to_do(tmp_path):
    """The proxy refuses every connection, as a machine without a network does."""
    env = {
        "KERAS_HOME": str(tmp_path / "keras"),
        "PATH": "",
        "https_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    done = run("train.py", "--output-dir", str(tmp_path / "logs"), env=env)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 3
    assert "cifar-10-python.tar.gz" in done.stderr
    assert "--dataset shapes10" in lines[2]
    assert not (tmp_path / "logs").exists()


def test_one_line_and_status_2_through_the_real_scripts(tmp_path):
    output = ["--output-dir", str(tmp_path / "logs")]
    for command, message in (
        (["train.py", "--model", "resnet19", *output], "did you mean resnet18"),
        (["evaluate.py", str(tmp_path / "nowhere")], "must exist"),
    ):
        done = run(*command, "--dataset", "shapes10")
        assert done.returncode == 2
        assert done.stderr.startswith(f"{command[0]}: error: ")
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "logs").exists()
