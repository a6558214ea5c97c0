"""The event files of a run."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tfresnet.atomic import remove_leftovers, replaced

_FILES = "events.out.tfevents.*"


class Writers:
    """One writer for each part of a run ("train", "validation"), made when it is first used."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._writers = {}

    def at(self, part: str, step: int):
        """A context in which `tf.summary` writes into `part`, at `step`."""
        if part not in self._writers:
            self._writers[part] = tf.summary.create_file_writer(str(self.folder / part))
        return self._writers[part].as_default(step=step)

    def flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def write_pb(summary, step: int = 0) -> None:
    """Writes the summary protobuf of a TensorBoard plugin with the current writer."""
    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=step)


def remove_events(folder: Path) -> None:
    for path in folder.glob(_FILES):
        path.unlink()


def drop_events_after(folder: Path, step: int, done: Callable[[str], bool] | None = None) -> None:
    """Rewrites the event files in `folder` without what a run resumed at `step` writes again.

    A killed run leaves events of steps after its last checkpoint, and perhaps half a record.

    Args:
        done: tells by the tag which events of `step` itself stay; all by default.
    """
    remove_leftovers(folder)
    for path in sorted(folder.glob(_FILES)):
        kept = list(_events_until(path, step, done))
        with replaced(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for record in kept:
                writer.write(record)


def _events_until(path, step, done):
    records = iter(tf.data.TFRecordDataset(str(path)))
    while True:
        try:
            record = next(records).numpy()
        except (StopIteration, tf.errors.DataLossError):
            return
        event = tf.compat.v1.Event.FromString(record)
        again = done and event.step == step and not all(done(v.tag) for v in event.summary.value)
        if event.step <= step and not again:
            yield record
