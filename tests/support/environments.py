"""Virtual environments of other libraries, outside the repository, made once on first use."""

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

PLACE = Path(os.environ.get("TFRESNET_TEST_VENVS", Path(tempfile.gettempdir()) / "tfresnet-venvs"))


def python_with(name: str, *packages: str, on_top: bool = False) -> Path:
    """The Python of the environment `name`. Without a network, skips the test with pip's reason.

    `on_top`: it also has the packages of the environment that runs the tests.
    """
    folder = PLACE / name
    python = folder / "bin" / "python"
    is_new = not (folder / "complete").exists()
    if is_new:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    if on_top:  # each time: the environment of an earlier run may be gone
        (site,) = folder.glob("lib/python3*/site-packages")
        (site / "base.pth").write_text(sysconfig.get_path("purelib") + "\n")
    if is_new:
        install = [python, "-m", "pip", "install", "--quiet", *packages]
        done = subprocess.run(install, capture_output=True, text=True, env=_environment())
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            pytest.skip(f"{', '.join(packages)} cannot be installed: {errors[-1:]}")
        (folder / "complete").touch()
    return python


def run(python: Path, code: str, *arguments: object, cwd: Path, **environment: str) -> str:
    """What the code prints; it must not fail."""
    command = [python, "-c", code, *map(str, arguments)]
    environment = _environment() | environment
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environment():
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
