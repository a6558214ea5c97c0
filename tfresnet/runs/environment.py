"""The environment of a run: versions, commit and machine."""

import datetime
import platform
import subprocess
import zlib
from pathlib import Path

import keras
import numpy
import tensorboard
import tensorflow

from tfresnet.system.hardware import cores, processor_name

# Asked directly: the distribution may have another name (tensorflow-cpu, tf-nightly).
_PACKAGES = (tensorflow, keras, numpy, tensorboard)


def environment() -> dict:
    """The facts that `config.json` stores beside the settings."""
    return session() | {
        "python": platform.python_version(),
        **{package.__name__: package.__version__ for package in _PACKAGES},
        "system": platform.platform(),
    }


def program() -> dict:
    """What processes that compute the same must have in common: versions, and our own source."""
    package = Path(__file__).parents[1]
    checksum = 0
    for file in sorted([*package.rglob("*.py"), *package.rglob("*.json")]):
        content = file.relative_to(package).as_posix().encode() + file.read_bytes()
        checksum = zlib.crc32(content, checksum)
    versions = {module.__name__: module.__version__ for module in (tensorflow, keras, numpy)}
    return {"code of tfresnet (checksum)": checksum} | versions


def session() -> dict:
    """Time, commit and processor, stored at the start of a run and at each resume."""
    return {
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": processor_name(),
        "cores": cores(),
    }


def _commit():
    """The commit of the code, with "+" for uncommitted changes; None outside a checkout."""
    here = str(Path(__file__).parents[1])
    run = {"capture_output": True, "text": True, "check": True, "timeout": 10, "cwd": here}
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], **run).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "-uno", "."], **run).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed.strip() else "")
