"""What `pip install .` brings: the package, whole, with its command and what it needs to run."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support import environments
from support.notebooks import copy_source

from tfresnet.__main__ import COMMANDS

ROOT = Path(__file__).parent.parent
WHEEL = [*("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")]


def run(*command, cwd, **environment):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment
    command = [sys.executable, *map(str, command)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def files(folder):
    return sorted(
        (str(path.relative_to(folder)), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    )


@pytest.mark.slow
def test_the_installed_package_works_outside_the_checkout(tmp_path):
    pytest.importorskip("setuptools")
    source, installed, elsewhere = (tmp_path / name for name in ("source", "site", "elsewhere"))
    shutil.copytree(ROOT / "benchmarks", source / "benchmarks")
    copy_source(source)
    for ending in (".keras", ".md"):
        (source / "tfresnet" / "pretrained" / f"resnet8-letters{ending}").touch()
    run(*WHEEL, "--wheel-dir", tmp_path, source, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, installed, "zip")
    elsewhere.mkdir()
    assert not (installed / "benchmarks").exists()
    before = files(installed)
    shipped, ours = (path / "tfresnet" / "pretrained" for path in (installed, source))
    assert {path.name for path in shipped.iterdir()} >= {path.name for path in ours.glob("*.*")}
    train = (
        "import tfresnet; from tfresnet.data import shapes10; shapes10.TRAIN = shapes10.TEST = 60\n"
        "config = tfresnet.TrainConfig(model='resnet20', dataset='shapes10', epochs=1,"
        " val_size=20, batch_size=20, warmup_epochs=0, name='a')\n"
        "tfresnet.train(config)"
    )
    run("-c", train, cwd=elsewhere, PYTHONPATH=str(installed))
    shown = run("-m", "tfresnet.verify", "logs/a", cwd=elsewhere, PYTHONPATH=str(installed))
    assert "damaged" not in shown
    here = {"cwd": elsewhere, "PYTHONPATH": str(installed)}
    run("-m", "tfresnet.report", "--lang", "zh", **here)
    for command in COMMANDS.keys() - {"benchmark"}:  # which needs a checkout
        shown = run("-m", "tfresnet", command, "--help", **here)
        assert shown.startswith(f"usage: tfresnet {command} ")
    Image.new("RGB", (40, 30), "red").save(elsewhere / "red.png")
    assert "red.png" in run("-m", "tfresnet", "predict", "resnet20", "red.png", **here)
    assert files(installed) == before  # it may be read-only

    (about,) = importlib.metadata.distributions(path=[str(installed)])
    assert about.version == run(
        "-c", "import tfresnet; print(tfresnet.__version__, end='')", cwd=ROOT
    )
    lines = (ROOT / "requirements-run.txt").read_text().splitlines()
    needed = [line for line in about.requires if "extra ==" not in line]
    assert needed == [line for line in lines if not line.startswith("#")]
    (script,) = about.entry_points
    assert (script.name, script.value) == ("tfresnet", "tfresnet.__main__:main")


@pytest.mark.slow
def test_twine_takes_what_is_built(tmp_path):
    python = environments.python_with("twine", "twine", "build")
    copy_source(tmp_path)
    subprocess.run([python, "-m", "build"], cwd=tmp_path, check=True, capture_output=True)
    built = sorted((tmp_path / "dist").iterdir())
    assert [path.name.partition("-")[0] for path in built] == ["tfresnet"] * 2
    check = [python, "-m", "twine", "check", "--strict", *built]
    shown = subprocess.run(check, check=True, capture_output=True, text=True).stdout
    assert shown.count("PASSED") == 2


@pytest.mark.slow
def test_a_shell_completes_commands_and_flags(tmp_path):
    python = environments.python_with("argcomplete", "argcomplete", on_top=True)
    for line, expected in (
        ("tfresnet ex", {"export", "experiments"}),
        ("tfresnet export --int8", {"--int8", "--int8-io"}),
        ("tfresnet export --format safe", {"safetensors"}),
    ):
        asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "found")}
        asked |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "PYTHONPATH": str(ROOT)}
        environments.run(
            python, "from tfresnet.__main__ import main; main()", cwd=tmp_path, **asked
        )
        found = (tmp_path / "found").read_text().split("\v")
        assert {name.strip() for name in found} == expected


def test_the_command_runs_the_others_and_explains_itself(tmp_path):
    shown = run("-m", "tfresnet", "train", "--help", cwd=ROOT)
    assert shown.startswith("usage: tfresnet train ")
    for words, program, end in (
        ([], "tfresnet", "required: NAME"),
        (["trian"], "tfresnet", "invalid choice: 'trian'"),
        (["train", "--epochs", "0"], "tfresnet train", "Received: 0"),
        (["verify", "nowhere"], "tfresnet verify", "Received: 'nowhere'"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "tfresnet", *words], cwd=ROOT, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith(f"{program}: error: ")
        assert end in done.stderr


def test_the_command_has_every_command_of_the_package():
    package = ROOT / "tfresnet"
    usual = {"training": "train", "evaluation": "evaluate"}
    found = set()
    for path in [*package.glob("*.py"), *package.glob("*/__main__.py")]:
        if "commands.run(main, " in path.read_text():
            name = path.relative_to(package).parts[0].removesuffix(".py")
            found.add(usual.get(name, name))
    assert found - {"ship"} == {*COMMANDS}


def test_what_is_needed_to_run_is_what_the_package_imports():
    imported = set()
    for path in (ROOT / "tfresnet").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    others = imported - sys.stdlib_module_names - {"tfresnet", "benchmarks"}
    listed = re.findall(r"^[a-z0-9_]+", (ROOT / "requirements-run.txt").read_text(), re.M)
    assert {"pillow" if name == "PIL" else name for name in others} == set(listed)
