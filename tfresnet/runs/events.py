"""Reads and rewrites the TensorBoard event files of a run."""

import logging
import re
import time
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
        for record in _read_file(path):
            yield path, record


def _read_file(path):
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            yield record.numpy()
    except tf.errors.DataLossError as error:
        if damage := re.search(r"corrupted record at \d+", error.message):
            logger.warning("%s: %s, and all that follows is lost", path, damage[0])
        yield None


def last_step(folder: Path) -> int:
    """The highest step of an event in `folder`; 0 without any."""
    steps = (tf.compat.v1.Event.FromString(r).step for _, r in read_records(folder) if r)
    return max(steps, default=0)


def drop_events_after(folder: Path, step: int, kept_by: tuple[str, ...] = ()) -> None:
    """Rewrites the event files without those that a run resumed at `step` will write again. With
    `kept_by`, only events whose tag begins so stay at `step` itself."""
    remove_leftovers(folder)
    _put_before_now(folder)
    for path in sorted(folder.glob(_FILES)):
        with atomic_write(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for record in _read_file(path):
                event = tf.compat.v1.Event.FromString(record or b"")
                tags = (value.tag for value in event.summary.value)
                stays = not kept_by or any(tag.startswith(kept_by) for tag in tags)
                if record and (event.step < step or (event.step == step and stays)):
                    writer.write(record)


def _put_before_now(folder):
    """Renames files from the future, which a clock that was set back leaves. TensorBoard reads the
    files of a folder by name, which begins with a time, and forgets all steps above a later one."""
    paths = sorted(folder.glob(_FILES))
    if paths and paths[-1].name >= _FILES.replace("*", f"{time.time():.0f}"):
        for number, path in enumerate(paths):
            parts = path.name.split(".")
            parts[3] = f"{number:010}"
            path.rename(path.with_name(".".join(parts)))
