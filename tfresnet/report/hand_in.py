"""Packs a report with its runs into one archive, for somebody who checks them."""

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from tfresnet.system.atomic import atomic_write

_LEFT_OUT = {"checkpoints", "best.keras"}  # a test needs neither


def pack(archive: Path, report: Sequence[Path], sources: Sequence[Path]) -> None:
    """Writes `archive`: a folder with the runs and studies, and the files of the report in
    `report/` beside them, as they lie in `logs/`."""
    with atomic_write(archive) as path, ZipFile(path, "w", ZIP_DEFLATED) as packed:
        for file in report:
            packed.write(file, f"{archive.stem}/report/{file.name}")
        for source in sources:
            place = f"{archive.stem}/{source.resolve().name}"
            for file in sorted(source.rglob("*")):
                inside = file.relative_to(source)
                is_wanted = not (_LEFT_OUT & {*inside.parts} or file.name.startswith("."))
                if file.is_file() and is_wanted:
                    packed.write(file, f"{place}/{inside.as_posix()}")
