"""The charts by step: learning rate, speed, times, memory, losses, gradients and updates."""

import mmap
import time
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from tfresnet.models import stage_of
from tfresnet.training.optimizer import is_kernel
from tfresnet.training.run import Run
from tfresnet.training.step import Measured

_DESCRIPTIONS = {
    "time/input": "Waiting for data, ms a step",
    "time/step": "Computing, ms a step",
    "time/checkpoint": "Writing the last checkpoint, ms",
    "loss_parts/data": "Cross-entropy of this step's batch",
    "loss_parts/decay": "l2 / 2 * |kernels|^2, of the kernels that decay",
    "loss_parts/auxiliary": "Auxiliary classifiers, weighted",
    "gradient_norm": "L2 norm, without decay",
    "update_ratio": "|change| / |weights| of the kernels",
    "memory": "GiB",
}


class StepCharts:
    """Sums the times of the steps, and writes a point of each chart when asked."""

    def __init__(self, run: Run):
        self.run = run
        self.restart()

    def restart(self) -> None:
        """Starts new averages: the time before is not training time."""
        self._since = time.monotonic()
        self._steps, self._waited, self._computed = 0, 0.0, 0.0

    def add(self, waited: float, seconds: float) -> None:
        """Adds a step that waited for its batch and then computed for `seconds`."""
        self._steps += 1
        self._waited += waited
        self._computed += seconds

    def write(self, measured: Measured) -> None:
        """Writes the point of the last step, which was observed, with the current writer."""
        run = self.run
        images = self._steps * run.config.batch_size
        point = {
            "learning_rate": run.last_learning_rate,
            "images_per_second": images / (time.monotonic() - self._since),
            "time/input": 1000 * self._waited / self._steps,
            "time/step": 1000 * self._computed / self._steps,
        }
        if run.folder.checkpoints.last_save is not None:
            point["time/checkpoint"] = 1000 * run.folder.checkpoints.last_save
        point |= self._health(measured)
        point |= {f"memory/{name}": gib for name, gib in memory().items()}
        tf.summary.experimental.write_raw_pb(_summary(point).SerializeToString())
        self.restart()

    def _health(self, measured):
        """Parts of the loss, gradient norms, and sizes of the updates."""
        optimizer = self.run.learner.optimizer
        kernels = [variable for variable in optimizer.trainable if is_kernel(variable)]
        decayed = measured.kernels[[optimizer.decays(kernel) for kernel in kernels]]
        point = {
            "loss_parts/data": measured.loss,
            "loss_parts/decay": optimizer.l2 * float(decayed.sum()) / 2,
        }
        network = self.run.learner.network
        if len(network.outputs) > 1 or network.losses:
            point["loss_parts/auxiliary"] = measured.auxiliary
        sizes = by_stage(kernels, measured.kernels)
        for stage, square in by_stage(kernels, measured.changes).items():
            point[f"update_ratio/{stage}"] = (square / (sizes[stage] or 1.0)) ** 0.5
        for stage, square in by_stage(optimizer.trainable, measured.gradients).items():
            point[f"gradient_norm/{stage}"] = square**0.5
        return point | {"gradient_norm/all": float(measured.gradients.sum()) ** 0.5}


def by_stage(variables: Sequence, values: Sequence[float]) -> dict[str, float]:
    """Sums `values`, one per variable, over each stage of the network."""
    paths = [variable.path for variable in variables]
    is_one = len({path.partition("/")[0] for path in paths}) == 1
    if is_one and all(path.count("/") > 1 for path in paths):  # a network in one layer
        paths = [path.partition("/")[2] for path in paths]
    sums = {}
    for path, value in zip(paths, values, strict=True):
        stage = stage_of(path)
        sums[stage] = sums.get(stage, 0.0) + float(value)
    return sums


def memory() -> dict[str, float]:
    """Memory in use, in GiB: "resident" on Linux, "gpu" with a GPU."""
    used, pages = {}, Path("/proc/self/statm")
    if pages.exists():
        used["resident"] = int(pages.read_text().split()[1]) * mmap.PAGESIZE / 2**30
    if tf.config.list_physical_devices("GPU"):
        used["gpu"] = tf.config.experimental.get_memory_info("GPU:0")["current"] / 2**30
    return used


def _summary(point):
    """All values of a point in one record; `tf.summary.scalar` takes a millisecond for each."""
    record = tf.compat.v1.Summary()
    for tag, value in point.items():
        text = _DESCRIPTIONS.get(tag) or _DESCRIPTIONS.get(tag.split("/")[0])
        record.MergeFromString(scalar_pb(tag, value, text).SerializeToString())
    return record
