"""Runs a hand-in as a process of its own in an empty folder, within limits, and reads arrays."""

import contextlib
import functools
import io
import math
import os
import pickle
import secrets
import shutil
import signal
import site
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfresnet.check_unit.exercises import child

SECONDS, MEGABYTES = 120, 4096
_MOST_BYTES = 64 << 20
_NAMESPACES = "--user --map-root-user --net --mount --pid --fork --kill-child --mount-proc"
_PACKAGE = Path(__file__).parents[2]


@dataclass
class Outcome:
    """What a hand-in's process left: arrays by name, and how it ended if not by itself."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    ending: str = ""  # "", "timeout", "exit" or "unreadable"
    status: int = 0
    printed: int = 0  # bytes
    left: list[str] = field(default_factory=list)  # files that it wrote itself


@functools.cache
def has_walls() -> bool:
    """Whether this machine lets a process be cut off from network, files and other processes."""
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as hidden:
        return not _run([], {}, Path(hidden), keras=False, seconds=30, walls=True).ending
    return False


def run(
    sources: list[tuple[str, str]],
    calls: dict[str, tuple],
    hidden: Path,
    *,
    keras: bool,
    seconds: float = SECONDS,
) -> Outcome:
    """Runs the parts of a hand-in and the calls of its functions.

    Args:
        sources: (name, code) of each part.
        calls: key -> (how, function, arguments), as in `child.answer`.
        hidden: folder of the hand-ins, which it must not read.
        keras: whether the calls need Keras.
        seconds: time after which the process is ended.
    """
    return _run(sources, calls, hidden, keras=keras, seconds=seconds, walls=has_walls())


def _run(sources, calls, hidden, *, keras, seconds, walls):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        box = Path(folder).resolve()
        shutil.copy(child.__file__, box / "child.py")
        folders = [str(path) for path in (hidden.resolve(), _PACKAGE) if can_hide(path)]
        task = {"sources": sources, "calls": calls, "hidden": folders, "walls": walls}
        task |= {"seconds": math.ceil(seconds), "megabytes": MEGABYTES, "keras": keras}
        task["token"] = f"{secrets.token_hex(16)}.npz"
        command = [sys.executable, "-P", "child.py"]
        if walls:
            command = ["unshare", *_NAMESPACES.split(), *command]
        with tempfile.TemporaryFile() as printed:
            ending, status = _wait(command, box, printed, pickle.dumps(task), seconds)
            outcome = Outcome(ending=ending, status=status, printed=printed.seek(0, os.SEEK_END))
        known = {task["token"], "child.py", "__pycache__"}
        found = (path.name for path in box.iterdir() if not path.name.startswith("."))
        outcome.left = sorted(name for name in found if name not in known)
        if not ending:
            try:
                outcome.arrays = read_arrays(box / task["token"])
            except (OSError, ValueError, zipfile.BadZipFile):
                outcome.ending = "unreadable" if (box / task["token"]).exists() else "exit"
        return outcome


def can_hide(folder: Path) -> bool:
    """Whether a process needs nothing in a folder: neither Python nor the place for its own one."""
    needed = (tempfile.gettempdir(), sys.prefix, sys.base_prefix, np.__file__)
    return not any(Path(path).resolve().is_relative_to(folder.resolve()) for path in needed)


def _wait(command, box, printed, task, seconds):
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment = kept | {"HOME": str(box), "TMPDIR": str(box), "KERAS_BACKEND": "tensorflow"}
    environment["CUDA_VISIBLE_DEVICES"] = ""
    environment |= {"PYTHONUSERBASE": site.getuserbase(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        command,
        cwd=box,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=printed,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            deadline = time.monotonic() + seconds
            with contextlib.suppress(BrokenPipeError):
                process.communicate(task, timeout=seconds)
            status = process.wait(max(0, deadline - time.monotonic()))
            return ("exit", status) if status else ("", 0)
        except subprocess.TimeoutExpired:
            return "timeout", 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file that a stranger wrote: numbers and text of bounded size.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: it is no such file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("no file")
        content = file.read(_MOST_BYTES + 1)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(content) > _MOST_BYTES or sum(m.file_size for m in members) > _MOST_BYTES:
            raise ValueError("too large")
        return {m.filename.removesuffix(".npy"): _read_array(archive.read(m)) for m in members}


def _read_array(content):
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, dtype = read[version](file) if version in read else ((), False, np.dtype(object))
    size = dtype.itemsize * int(np.prod(shape, dtype=object))
    if dtype.kind not in "biufU" or size != len(content) - file.tell():
        raise ValueError("no array of numbers or text")
    file.seek(0)
    return np.load(file, allow_pickle=False)
