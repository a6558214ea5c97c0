"""What a process changes on the disk, recorded or made to fail by strace."""

import contextlib
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import pytest

_KNOWN = "openat,lseek,write,fsync,fdatasync,rename,unlink,mkdir,rmdir"
# Calls that `power_loss.Disk` does not simulate: a recording of one fails.
_OTHERS = (
    "open,creat,pwrite64,writev,pwritev,pwritev2,truncate,ftruncate,fallocate,copy_file_range,"
    "sendfile,renameat,renameat2,unlinkat,mkdirat,link,linkat,symlink,symlinkat"
)
_FALLIBLE = "openat,write,fsync,rename,close,mkdir,unlink"
_CALL = re.compile(r" *(\w+)\((.*)\) += (-?\d+)(.*)")
_PART = re.compile(r'(?:(\w+)<([^>]*)>|"([^"]*)")')  # a file descriptor with its path, or a text


@dataclass(frozen=True)
class Call:
    """A call that changes something in the recorded folder. Paths are relative to it.

    name: "create" (if it is not there), "empty", "write" (at the end, if `offset` is None),
        "flush", "rename" (to `other`), "unlink", "mkdir" or "promise" (see `promise`).
    """

    name: str
    path: str
    other: str = ""
    offset: int | None = 0
    data: bytes = b""


def _strace(*options) -> list:
    """The beginning of a command line that runs another command under strace."""
    command = ["strace", "-f", "-qq", "-y", "-xx", "-e", "signal=none"]
    works = (
        shutil.which("strace")
        and not subprocess.run([*command, "-o", os.devnull, "true"], stderr=PIPE).stderr
    )
    if not works:
        pytest.skip("needs strace, and the right to trace")
    return [*command, "--seccomp-bpf", *options]


def promise(folder: str | Path, what: str) -> None:
    """Marks in a recording of `folder` the moment from which `what` must be on the disk."""
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(os.path.join(folder, f"promise {what}"))


def record(command: list, folder: Path, **options: object) -> list[Call]:
    """Runs `command`, which must succeed, and returns what it changed in `folder`, in order."""
    trace = folder.with_suffix(".trace")
    start = _strace("-s", "100000000", "-e", f"trace={_KNOWN},{_OTHERS}", "-o", trace)
    subprocess.run([*start, *command], check=True, **options)
    positions: dict[tuple, int | None] = {}
    return [call for line in _lines(trace) for call in _changes(line, positions, folder)]


def fallible(command: list, folder: Path, **options: object) -> list[tuple[str, int, str]]:
    """Runs `command` and returns (system call, its number, path) of each that it makes in `folder`
    by its main thread; the first of a process has number 1."""
    trace = folder.with_suffix(".trace")
    start = _strace("-e", f"trace={_FALLIBLE}", "-o", trace)
    subprocess.run([*start, *command], check=True, capture_output=True, **options)
    found, counts = [], Counter()
    for line in _lines(trace):
        counts[line.process, line.name] += 1
        if (path := line.path(folder)) and line.result >= 0:
            found.append((line.name, counts[line.process, line.name], path))
    return found


def failing(
    command: list, folder: Path, call: str, number: int, error: str, **options: object
) -> tuple[subprocess.CompletedProcess, str | None]:
    """Runs `command`, in which one system call fails; returns (how it ended, the path of that
    call, if it was in `folder`)."""
    trace = folder.with_suffix(".trace")
    inject = f"inject={call}:error={error}:when={number}"
    start = _strace("-e", f"trace={call}", "-e", inject, "-o", trace)
    ended = subprocess.run([*start, *command], capture_output=True, text=True, **options)
    return ended, next((line.path(folder) for line in _lines(trace) if line.injected), None)


@dataclass(frozen=True)
class _Line:
    """A line of a trace. texts: (file descriptor or "", its path or another text)."""

    process: str
    name: str
    arguments: str
    texts: list[tuple[str, bytes]]
    result: int
    injected: bool

    def path(self, folder, which=-1) -> str | None:
        """The path that the call is about, relative to `folder`; None for another place."""
        text = self.texts[0 if self.name == "write" else which][1] if self.texts else b"/"
        path = os.path.relpath(os.fsdecode(text), folder)
        return None if path.startswith("..") else path


def _lines(trace: Path) -> Iterator[_Line]:
    started = {}
    with open(trace, encoding="ascii") as lines:
        for line in lines:
            process, _, line = line.partition(" ")
            if line.rstrip().endswith("<unfinished ...>"):
                started[process] = line.rpartition("<unfinished")[0]
                continue
            if "resumed>" in line:
                line = started.pop(process) + line.partition("resumed>")[2]
            if found := _CALL.match(line):
                name, arguments, result, rest = found.groups()
                texts = [(fd, _bytes(path or text)) for fd, path, text in _PART.findall(arguments)]
                yield _Line(process, name, arguments, texts, int(result), "INJECTED" in rest)


def _changes(line, positions, folder):
    """The calls of `Call` that a system call amounts to."""
    path = line.path(folder)
    if path is None or (line.result < 0 and not path.startswith("promise ")):
        return
    file = (line.texts[0][0], path)
    match line.name:
        case "openat":
            is_log = "O_APPEND" in line.arguments  # which is always written at its end
            positions[str(line.result), path] = None if is_log else 0
            for flag, change in (("O_CREAT", "create"), ("O_TRUNC", "empty")):
                if flag in line.arguments:
                    yield Call(change, path)
        case "lseek":
            positions[file] = line.result
        case "write":
            yield Call("write", path, offset=positions[file], data=line.texts[1][1])
            if positions[file] is not None:
                positions[file] += line.result
        case "fsync" | "fdatasync":
            yield Call("flush", path)
        case "rename":
            yield Call("rename", line.path(folder, 0), path)
        case "rmdir" if path.startswith("promise "):
            yield Call("promise", path.removeprefix("promise "))
        case "mkdir" | "unlink":
            yield Call(line.name, path)
        case _:
            raise ValueError(f"{line.name} of {path}, which is not simulated")


def _bytes(text):
    return bytes.fromhex(text.replace("\\x", ""))
