"""The run folders that a command is about."""

from collections.abc import Iterable
from pathlib import Path

from tfresnet.errors import InputError


def is_run(path: Path) -> bool:
    return any((path / name).exists() for name in ("config.json", "result.json"))


def run_folders(paths: Iterable[Path]) -> list[Path]:
    """The runs among `paths`, and those inside the folders among them, by name.

    Raises:
        InputError: a path that is neither a run nor a folder.
    """
    found = []
    for path in paths:
        if not path.is_dir():
            raise InputError(f"runs must be run folders or folders of them. Received: {path}")
        found += [path] if is_run(path) else filter(is_run, sorted(path.iterdir()))
    return found
