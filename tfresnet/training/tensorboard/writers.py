"""Writing events."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from tfresnet.evaluation import METRICS, Evaluation
from tfresnet.training.tensorboard.figures import MOST_CLASSES


class Writers:
    """One writer for each part of a run ("train", "validation"), made when it is first used."""

    def __init__(self, folder: Path):
        self.folder = folder
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


def write_metrics(metrics: dict) -> None:
    """Writes the charts by epoch with the current writer."""
    for name in METRICS:
        tf.summary.scalar(name, metrics[name])
    tf.summary.scalar("error", 100 * (1 - metrics["top1"]), description="100 - top-1, %")


def write_pr_curves(evaluation: Evaluation, labels: np.ndarray, names, step: int) -> None:
    """Writes precision against recall, each class against all others, of all images."""
    from tensorboard.plugins.pr_curve import summary

    if len(names) > MOST_CLASSES:
        return
    for number, (name, scores) in enumerate(zip(names, evaluation.probabilities.T, strict=True)):
        tag = f"classes/{name}"
        write_pb(summary.pb(tag, labels == number, scores, num_thresholds=101), step)
