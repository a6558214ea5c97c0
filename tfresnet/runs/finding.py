"""Finds run folders."""

from collections.abc import Iterable
from pathlib import Path

from tfresnet.errors import InputError


def is_run(path: Path) -> bool:
    return any((path / name).exists() for name in ("config.json", "result.json"))


def run_folders(paths: Iterable[Path]) -> list[Path]:
    """The runs among `paths`, and those directly inside the other folders, sorted by name."""
    found = []
    for path in paths:
        if not path.is_dir():
            raise InputError(f"runs must be run folders or folders of them. Received: {path}")
        found += [path] if is_run(path) else filter(is_run, sorted(path.iterdir()))
    return found
