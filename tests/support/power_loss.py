"""A disk that loses its power: the states that a crash can leave behind.

Only what was flushed is certain. Of the rest the disk may have written anything, in any order:
parts of files and not others, half a part, a size without its content, any of the names of files.
The model is that of Pillai et al., "All File Systems Are Not Created Equal" (OSDI 2014). A name
that is replaced by a rename points to the old file or to the new one.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.strace import Call

_PAGE, _SECTOR = 4096, 512  # bytes that a disk writes in any order, and at once


@dataclass(eq=False)
class _File:
    """content: as programs see it. flushed: as it certainly is on the disk."""

    content: bytearray = field(default_factory=bytearray)
    flushed: bytes = b""
    is_flushed: bool = True

    def write(self, offset, data):
        offset = len(self.content) if offset is None else offset
        self.content[offset : offset + len(data)] = data
        self.is_flushed = False

    def flush(self):
        if not self.is_flushed:
            self.flushed, self.is_flushed = bytes(self.content), True

    def after_crash(self, rng, share):
        """The content of which a `share` of what was not flushed has reached the disk."""
        if self.is_flushed or share == 0:
            return self.flushed
        sizes = len(self.flushed), len(self.content)
        size = rng.choice(sizes) if rng.random() < 0.7 else rng.randint(*sorted(sizes))
        found = bytearray(self.flushed[:size].ljust(size, b"\0"))
        for start in range(0, size, _PAGE):
            end = start + _PAGE
            if rng.random() < share:
                if rng.random() < 0.1:
                    end = start + _SECTOR * rng.randrange(_PAGE // _SECTOR)
                found[start:end] = self.content[start:end].ljust(min(end, size) - start, b"\0")
            elif start >= len(self.flushed) and rng.random() < 0.2:  # what the disk held before
                found[start:end] = rng.randbytes(min(end, size) - start)
        return bytes(found)


@dataclass(eq=False)
class _Folder:
    """entries: name -> file or folder. flushed: those certainly on the disk. pending: the changes
    since, each a name and what it points to (None: nothing)."""

    entries: dict[str, object] = field(default_factory=dict)
    flushed: dict[str, object] = field(default_factory=dict)
    pending: list[tuple[str, object]] = field(default_factory=list)

    def change(self, name, what):
        self.entries[name] = what
        self.pending.append((name, what))
        if what is None:
            del self.entries[name]

    def flush(self):
        self.flushed, self.pending = dict(self.entries), []

    def after_crash(self, rng, share):
        found = self.flushed | {n: what for n, what in self.pending if rng.random() < share}
        return {name: what for name, what in found.items() if what is not None}


class Disk:
    """A disk on which recorded calls are repeated.

    promised: what a program has said to be on the disk.
    """

    def __init__(self):
        self.root = _Folder()
        self.promised: list[str] = []

    def repeat(self, call: Call) -> None:
        if call.name == "promise":
            self.promised.append(call.path)
            return
        folder, name = self._find(call.path)
        found = folder.entries.get(name) if name else folder
        match call.name:
            case "create" if found is None:
                folder.change(name, _File())
            case "create":
                pass
            case "empty":
                found.content.clear()
                found.is_flushed = not found.flushed
            case "write":
                found.write(call.offset, call.data)
            case "flush":
                found.flush()
            case "mkdir":
                folder.change(name, _Folder())
            case "unlink":
                folder.change(name, None)
            case "rename":
                other, new = self._find(call.other)
                other.change(new, found)
                folder.change(name, None)

    def _find(self, path):
        *parents, name = Path(path).parts or [None]
        folder = self.root
        for parent in parents:
            folder = folder.entries[parent]
        return folder, name

    def files(self) -> dict[str, bytes | None]:
        """path -> content as programs see it, None for a folder."""
        return dict(
            _walk(self.root, lambda folder: folder.entries, lambda file: bytes(file.content))
        )

    def after_crash(self, rng: random.Random) -> dict[str, bytes | None]:
        """The same, in a state after a crash at this moment."""
        of_names, of_content = (rng.choice((0, 0.1, 0.5, 0.9, 1)) for _ in range(2))
        return dict(
            _walk(
                self.root,
                lambda folder: folder.after_crash(rng, of_names),
                lambda file: file.after_crash(rng, of_content),
            )
        )


def _walk(folder, entries, content, path="") -> Iterator[tuple[str, bytes | None]]:
    for name, what in entries(folder).items():
        if isinstance(what, _Folder):
            yield f"{path}{name}", None
            yield from _walk(what, entries, content, f"{path}{name}/")
        else:
            yield f"{path}{name}", content(what)


def crashes(calls: list[Call], tries: int, seed: int) -> Iterator[tuple[list[str], dict]]:
    """Yields (what was promised, a state after a crash) for random moments, in order. No state
    comes twice. Most moments are right before a flush, when the most is left to chance."""
    rng, disk, done, seen = random.Random(seed), Disk(), 0, set()
    everywhere = range(len(calls) + 1)
    before_flush = [n for n, call in enumerate(calls) if call.name == "flush"] or everywhere
    moments = [rng.choice(before_flush if rng.random() < 0.8 else everywhere) for _ in range(tries)]
    for moment in sorted(moments):
        for call in calls[done:moment]:
            disk.repeat(call)
        done = moment
        state = disk.after_crash(rng)
        if (key := hash(frozenset(state.items()))) not in seen:
            seen.add(key)
            yield [*disk.promised], state


def write(state: dict[str, bytes | None], folder: Path) -> None:
    """Makes the files and folders of a state in the new `folder`."""
    folder.mkdir()
    for path, content in state.items():
        if content is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)
