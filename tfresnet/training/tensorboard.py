"""What a run writes for TensorBoard."""

import time
from pathlib import Path

import keras
import tensorflow as tf

from tfresnet.training.callbacks import Position, last_learning_rate

METRICS = ("loss", "top1", "top5")


class TensorBoard(keras.callbacks.Callback):
    """Writes a run's events into `train/` and `validation/` of its folder.

    The same tag in both folders makes one chart. The step is the number of training steps since
    the start of the run, on every chart and across resumes.

    Args:
        folder: the run folder.
        position: where the run is.
        batch_size: images a step.
        config_text: the settings, for the Text page.
        every: steps between two points of the charts by step.
    """

    def __init__(
        self, folder: Path, position: Position, batch_size: int, config_text: str, every: int = 20
    ):
        super().__init__()
        self.folder = Path(folder)
        self.position = position
        self.batch_size = batch_size
        self.config_text = config_text
        self.every = every
        self._writers = {}

    def on_train_begin(self, logs=None):
        if self._writers:
            return
        first = not (self.folder / "train").exists()
        for name in ("train", "validation"):
            drop_events_after(self.folder / name, self.position.global_step)
            self._writers[name] = tf.summary.create_file_writer(str(self.folder / name))
        self._graph_is_due = first
        if first:
            with self._writers["train"].as_default(step=0):
                tf.summary.text("config", f"```json\n{self.config_text}\n```")

    def on_epoch_begin(self, epoch, logs=None):
        self._timed_from = time.monotonic()
        self._timed_steps = self.position.global_step

    def on_train_batch_end(self, batch, logs=None):
        step = self.position.global_step
        if self._graph_is_due:
            self._write_graph()
        if step % self.every:
            return
        seconds = time.monotonic() - self._timed_from
        images = (step - self._timed_steps) * self.batch_size
        with self._writers["train"].as_default(step=step):
            tf.summary.scalar("learning_rate", last_learning_rate(self.model))
            tf.summary.scalar("images_per_second", images / seconds)
        self._timed_from, self._timed_steps = time.monotonic(), step

    def _write_graph(self):
        self._graph_is_due = False
        with self._writers["train"].as_default():
            tf.summary.graph(self.model.step_graph)

    def on_epoch_end(self, epoch, logs=None):
        step = self.position.state.history[-1]["step"]
        for name, prefix in (("train", ""), ("validation", "val_")):
            with self._writers[name].as_default(step=step):
                for metric in METRICS:
                    if prefix + metric in logs:
                        tf.summary.scalar(metric, logs[prefix + metric])
        self.flush()

    def flush(self):
        for writer in self._writers.values():
            writer.flush()

    def close(self):
        for writer in self._writers.values():
            writer.close()


def drop_events_after(folder: Path, step: int) -> None:
    """Rewrites the event files in `folder` without what a resumed run will write again.

    A killed run leaves events of steps after its last checkpoint, and perhaps half a record.
    """
    for path in sorted(folder.glob("events.out.tfevents.*")):
        kept = list(_events_until(path, step))
        with tf.io.TFRecordWriter(f"{path}.partial") as writer:
            for record in kept:
                writer.write(record)
        Path(f"{path}.partial").replace(path)


def _events_until(path, step):
    records = iter(tf.data.TFRecordDataset(str(path)))
    while True:
        try:
            record = next(records).numpy()
        except (StopIteration, tf.errors.DataLossError):
            return
        if tf.compat.v1.Event.FromString(record).step <= step:
            yield record
