"""The scripts: good and bad command lines, exit status, nothing written after an error."""

import dataclasses
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import evaluate
import tfresnet
from tfresnet import verify
from tfresnet.evaluation import flags as evaluate_flags
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.model_names import MODELS
from tfresnet.training import flags as train_flags

ROOT = Path(__file__).parent.parent
COMMANDS = [
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("*.py"), *(ROOT / "tfresnet").rglob("*.py")]
    if "def main(argv" in path.read_text() or path.parent == ROOT
]


def run(*command, **options):
    options = {"capture_output": True, "text": True, "cwd": ROOT, "timeout": 120} | options
    return subprocess.run([sys.executable, *command], **options)


def test_every_setting_is_a_flag_and_arrives():
    parsed = train_flags.parse(
        ["--model", "resnet20", "--lr", "0.2", "--no-augment", "--weight-decay", "1e-4", "--seed=3"]
    )
    config = TrainConfig(model="resnet20", lr=0.2, augment=False, weight_decay=1e-4, seed=3)
    assert parsed == {"config": config}
    assert train_flags.parse([]) == {"config": TrainConfig()}


def test_a_run_is_continued_with_its_own_settings_and_data_that_may_have_moved():
    run = str(ROOT / "logs")
    assert train_flags.parse(["--resume", run]) == {"resume": run}
    moved = train_flags.parse(["--resume", run, "--data-dir", "here"])
    assert moved == {"resume": run, "data_dir": "here"}


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
        (["--epoch", "3"], "unrecognized arguments: --epoch 3; did you mean --epochs?"),
        (["--epochs=2", "--warmup-epochs=3"], "--warmup-epochs must be at most the epochs of"),
        (["--opt", "sgd", "--muon-lr", "0.1"], "--muon-lr must come with --opt muon."),
        (["--model", "cnn3", "--muon-lr", "0.1"], "--muon-lr must come with --opt muon."),
        (["--resume", str(ROOT), "--lr", "1"], "--resume takes all settings but --data-dir and"),
        (["--resume", "nowhere"], "argument --resume: must exist. Received: 'nowhere'"),
        (["--resume", ""], "argument --resume: must be a path. Received: ''"),
        (["--output-dir", ""], "argument --output-dir: must be a path. Received: ''"),
        (["--model", "ResNet18"], "--model must be one that list_models() names; did you mean"),
        (["--model", "§"], "--model must be one that list_models() names; known: resnet18,"),
        (["--dataset", "CIFAR_10"], "--dataset must be one of cifar10, cifar100, folder,"),
        (["extra"], "unrecognized arguments: extra"),
    ],
)
def test_bad_flags_of_train(argv, message, capsys):
    with pytest.raises(SystemExit) as caught:
        train_flags.parse(argv)
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.startswith(f"train.py: error: {message}")
    assert error.count("\n") == 1


FRESH = """if True:
    import runpy, sys
    def in_a_fresh_package(work, *arguments):
        for name in [name for name in sys.modules if name.partition(".")[0] == "tfresnet"]:
            del sys.modules[name]
        try: work(*arguments)
        except SystemExit as end: print(end.code, {"tensorflow", "keras"} & set(sys.modules))
"""


def test_help_is_quick():
    """Also without docstrings (-OO)."""
    code = f"""{FRESH}
    for command in {COMMANDS}:
        sys.argv = [command, "--help"]
        in_a_fresh_package(lambda: runpy.run_path(command, run_name="__main__"))
    """
    done = run("-OO", "-W", "error", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall("^usage: ", done.stdout, re.MULTILINE)) == len(COMMANDS)
    assert done.stdout.count("\n0 set()\n") == len(COMMANDS)


UNKNOWN = [
    ("training.flags", ["--model", "resnet19"]),
    ("training.flags", ["--dataset", "mnist"]),
    ("evaluation.flags", ["logs", "--dataset", "mnist"]),
    ("evaluation.flags", ["logs", "--json", "nowhere/result.json"]),
    ("evaluation.flags", ["nowhere"]),
    ("param_count.__main__", ["resnet20", "resnet19"]),
]


def test_unknown_names_are_told_without_loading_tensorflow():
    code = f"""{FRESH}
    from importlib import import_module
    for module, arguments in {UNKNOWN}:
        in_a_fresh_package(lambda: import_module(f"tfresnet.{{module}}").parse(arguments))
    """
    done = run("-c", code)
    assert done.stdout == "2 set()\n" * len(UNKNOWN)
    assert done.stderr.count("\n") == len(UNKNOWN)


def test_the_home_folder_stands_in_every_path(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    home = {"output_dir": "~/a", "data_dir": "~/b", "weights": "~/c"}
    argv = [f"--{name.replace('_', '-')}={path}" for name, path in home.items()]
    config = train_flags.parse(argv)["config"]
    for name, path in home.items():
        assert getattr(config, name) == path.replace("~", str(tmp_path))
    assert train_flags.parse(["--resume=~/run"]) == {"resume": str(tmp_path / "run")}
    args = evaluate_flags.parse(["~/run", "--data-dir=~/d", "--json=~/result"])
    found = [Path(path).relative_to(tmp_path) for path in (args.source, args.data_dir, args.json)]
    assert [str(path) for path in found] == ["run", "d", "result"]
    assert verify.parse(["~/run"]).run == str(tmp_path / "run")


@pytest.mark.parametrize("file", ["", "nowhere/result.json", "folder", "~", "file/result.json"])
def test_a_result_that_cannot_be_written_is_refused_at_once(file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as caught:
        evaluate_flags.parse([str(tmp_path), "--json", file])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("evaluate.py: error: argument --json: must be a ")
    assert error.endswith(f"Received: {file!r}\n")


def test_json_on_standard_output_stands_there_alone(monkeypatch, capsys):
    def evaluated(source, **options):
        print("downloading")
        return {"top1": 0.5}

    monkeypatch.setattr("tfresnet.evaluation.evaluate.evaluate", evaluated)
    monkeypatch.setattr("tfresnet.evaluation.text.report", lambda result: "a report")
    evaluate.main([str(ROOT / "logs"), "--json", "-"])
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"top1": 0.5}
    assert shown.err == "downloading\na report\n"


def test_the_names_of_all_networks_are_known():
    assert sorted(MODELS) == sorted(tfresnet.list_models())


def test_help_of_train_is_complete(capsys):
    with pytest.raises(SystemExit):
        train_flags.parse(["--help"])
    shown = capsys.readouterr().out
    for field in dataclasses.fields(TrainConfig):
        assert "--" + field.name.replace("_", "-") in shown
    assert "default: resnet18" in " ".join(shown.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    spec = importlib.util.spec_from_file_location("command", ROOT / command)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(SystemExit):
        module.main(["--help"])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "None" not in shown


def test_the_effective_settings_are_printed(capsys):
    with pytest.raises(SystemExit) as caught:
        train_flags.parse(["--model", "resnet20", "--lr", "0.3", "--show-settings"])
    assert caught.value.code in (0, None)
    config = TrainConfig(model="resnet20", lr=0.3).resolved()
    assert TrainConfig.from_dict(json.loads(capsys.readouterr().out)) == config


def test_scripts_are_short():
    for script in ("train.py", "evaluate.py"):
        assert len((ROOT / script).read_text().splitlines()) < 40


def test_without_data_and_network_one_line_says_what_to_do(tmp_path):
    """The proxy refuses every connection, as a machine without a network does."""
    env = {
        "KERAS_HOME": str(tmp_path / "keras"),
        "PATH": "",
        "https_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    done = run("train.py", "--output-dir", str(tmp_path / "logs"), env=env)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "cifar-10-python.tar.gz" in done.stderr
    assert "--dataset shapes10" in done.stderr
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
