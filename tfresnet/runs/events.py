"""The event files of a run."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from tfresnet.system.atomic import remove_leftovers, replaced

_FILES = "events.out.tfevents.*"
logger = logging.getLogger("tfresnet")


def remove_events(folder: Path) -> None:
    for path in folder.glob(_FILES):
        path.unlink()


def records(folder: Path) -> Iterator[tuple[Path, bytes | None]]:
    """(file, record) of every event in `folder`; None in place of what follows a damaged record."""
    for path in sorted(folder.glob(_FILES)):
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                yield path, record.numpy()
        except tf.errors.DataLossError as error:
            # A kill leaves a "truncated record" at the end; anything else is damage.
            if damage := re.search(r"corrupted record at \d+", error.message):
                logger.warning("%s: %s, and all that follows is lost", path, damage[0])
            yield path, None


def last_step(folder: Path) -> int:
    """The highest step of an event in `folder`, 0 without any."""
    steps = [tf.compat.v1.Event.FromString(r).step for _, r in records(folder) if r]
    return max(steps, default=0)


def drop_events_after(folder: Path, step: int, kept_by: str | None = None) -> None:
    """Rewrites the event files in `folder` without what a run resumed at `step` writes again.

    A killed run leaves events of steps after its last checkpoint, and perhaps half a record.

    Args:
        kept_by: the tag that an event of `step` itself must hold to stay; by default all stay.
    """
    remove_leftovers(folder)
    kept: dict[Path, list[bytes]] = {path: [] for path in sorted(folder.glob(_FILES))}
    for path, record in records(folder):
        if record and _stays(tf.compat.v1.Event.FromString(record), step, kept_by):
            kept[path].append(record)
    for path, stay in kept.items():
        with replaced(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for record in stay:
                writer.write(record)


def _stays(event, step, kept_by):
    if event.step == step and kept_by:
        return kept_by in {value.tag for value in event.summary.value}
    return event.step <= step
