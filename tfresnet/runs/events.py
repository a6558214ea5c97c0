"""The event files of a run."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from tfresnet.atomic import remove_leftovers, replaced

_FILES = "events.out.tfevents.*"
_FRAME = 16  # bytes of a record beside its content: length, its checksum, the content's checksum
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
        except tf.errors.DataLossError:
            yield path, None


def drop_events_after(folder: Path, step: int, done: Callable[[str], bool] | None = None) -> None:
    """Rewrites the event files in `folder` without what a run resumed at `step` writes again.

    A killed run leaves events of steps after its last checkpoint, and perhaps half a record.

    Args:
        done: tells by the tag which events of `step` itself stay; all by default.
    """
    remove_leftovers(folder)
    kept: dict[Path, list[bytes]] = {path: [] for path in sorted(folder.glob(_FILES))}
    read = dict.fromkeys(kept, 0)  # bytes
    for path, record in records(folder):
        if record is None:
            _warn_unless_torn(path, read[path])
            continue
        read[path] += len(record) + _FRAME
        if _stays(tf.compat.v1.Event.FromString(record), step, done):
            kept[path].append(record)
    for path, stay in kept.items():
        with replaced(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for record in stay:
                writer.write(record)


def _stays(event, step, done):
    again = done and event.step == step and not all(done(v.tag) for v in event.summary.value)
    return event.step <= step and not again


def _warn_unless_torn(path, position):
    """Half a record at the end is what a kill leaves; anything else is damage, and costs more."""
    left = path.read_bytes()[position:]
    if len(left) >= _FRAME and len(left) >= _FRAME + int.from_bytes(left[:8], "little"):
        logger.warning("%s has a damaged record: its last %d bytes are lost", path, len(left))
