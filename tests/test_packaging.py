"""What `pip install .` brings: the package, whole, with what it needs to run."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    for name in ("tfresnet", "benchmarks"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "requirements-run.txt"):
        shutil.copy(ROOT / name, source)
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
    run("-m", "tfresnet.report", "--lang", "zh", cwd=elsewhere, PYTHONPATH=str(installed))
    assert files(installed) == before  # it may be read-only

    (about,) = importlib.metadata.distributions(path=[str(installed)])
    assert about.version == run(
        "-c", "import tfresnet; print(tfresnet.__version__, end='')", cwd=ROOT
    )
    lines = (ROOT / "requirements-run.txt").read_text().splitlines()
    assert about.requires == [line for line in lines if not line.startswith("#")]


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
