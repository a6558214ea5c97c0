"""Reads and rewrites the TensorBoard event files of a run."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from tfresnet.system.atomic import atomic_write, remove_leftovers

_FILES = "events.out.tfevents.*"
logger = logging.getLogger("tfresnet")


def remove_events(folder: Path) -> None:
    for path in folder.glob(_FILES):
        path.unlink()


def read_records(folder: Path) -> Iterator[tuple[Path, bytes | None]]:
    """Yields (file, record) for every event in `folder`; None stands for a damaged rest of a file.
    A kill leaves a "truncated record" at the end; any other damage is logged."""
    for path in sorted(folder.glob(_FILES)):
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                yield path, record.numpy()
        except tf.errors.DataLossError as error:
            if damage := re.search(r"corrupted record at \d+", error.message):
                logger.warning("%s: %s, and all that follows is lost", path, damage[0])
            yield path, None


def last_step(folder: Path) -> int:
    """The highest step of an event in `folder`; 0 without any."""
    steps = [tf.compat.v1.Event.FromString(r).step for _, r in read_records(folder) if r]
    return max(steps, default=0)


def drop_events_after(folder: Path, step: int, kept_by: str | None = None) -> None:
    """Rewrites the event files without those that a run resumed at `step` will write again. With
    `kept_by`, only events with this tag stay at `step` itself."""
    remove_leftovers(folder)
    kept: dict[Path, list[bytes]] = {path: [] for path in sorted(folder.glob(_FILES))}
    for path, record in read_records(folder):
        event = tf.compat.v1.Event.FromString(record or b"")
        tags = {value.tag for value in event.summary.value}
        if record and (event.step < step or (event.step == step and kept_by in (None, *tags))):
            kept[path].append(record)
    for path, stay in kept.items():
        with atomic_write(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for record in stay:
                writer.write(record)
