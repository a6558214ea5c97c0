"""The charts by step: rate, speed, time by part, memory, and the health of the gradients."""

import time
from pathlib import Path

import tensorflow as tf

from tfresnet.training.callbacks import last_learning_rate
from tfresnet.training.optimizer import decays
from tfresnet.training.probe import StepProbe
from tfresnet.training.tensorboard.event_files import write_pb
from tfresnet.training.tensorboard.stages import by_stage

_DESCRIPTIONS = {
    "time/input": "Waiting for data, ms a step",
    "time/step": "Computing, ms a step",
    "time/checkpoint": "Writing the last checkpoint, ms",
    "loss_parts/data": "Cross-entropy of this step's batch",
    "loss_parts/decay": "l2 / 2 * |kernels|^2",
    "loss_parts/auxiliary": "Auxiliary classifiers, weighted",
    "gradient_norm": "L2 norm, without decay",
    "update_ratio": "|change| / |weights| of the kernels",
    "memory": "GiB",
}
_CHARTS = ("learning_rate", "images_per_second", "time/", "loss_parts/")
_CHARTS += ("gradient_norm/", "update_ratio/", "memory/")


def is_step_chart(tag: str) -> bool:
    """Whether a chart gets its points here, and not at the end of an epoch."""
    return tag.startswith(_CHARTS)


class StepCharts:
    """Measures every step, and writes a point of each chart at every `every`-th.

    Args:
        model: the compiled `TrainingModel`.
        probe: attached to it.
        batch_size: images a step.
        every: steps between two points.
    """

    def __init__(self, model, probe: StepProbe, batch_size: int, every: int):
        self.model = model
        self.probe = probe
        self.batch_size = batch_size
        self.every = every
        self._kernels = [v for v in model.trainable_variables if decays(v)]
        self._values = [kernel.value for kernel in self._kernels]
        self._before = None
        self.restart(0)

    def restart(self, step: int) -> None:
        """Begins a new stretch for the averages: what came before `step` is not training."""
        self._since, self._since_step = time.monotonic(), step
        self._steps, self._waited, self._computed = 0, 0.0, 0.0

    def before_step(self, step: int, gradients_wanted: bool = False) -> None:
        due = step % self.every == 0
        if due:
            self._before = [tf.identity(value) for value in self._values]
        if due or gradients_wanted:
            self.probe.due.assign(True)
        self._began = time.time()  # the clock that the step itself reads

    def after_step(self, step: int) -> bool:
        """Takes the time; whether there is a point to be written."""
        now, arrived = time.time(), float(self.probe.arrived.numpy())
        self._arrivals_known = arrived > 0
        arrived = min(max(arrived, self._began), now)
        self._waited += arrived - self._began
        self._computed += now - arrived
        self._steps += 1
        return step % self.every == 0

    def write(self, step: int, last_save: float | None) -> None:
        """Writes the point of `step`, just done, with the current writer.

        Args:
            last_save: seconds that the last checkpoint took, if there was one.
        """
        seconds = time.monotonic() - self._since
        images = (step - self._since_step) * self.batch_size
        point = {
            "learning_rate": last_learning_rate(self.model),
            "images_per_second": images / seconds,
            "time/step": 1000 * self._computed / self._steps,
        }
        if self._arrivals_known:
            point["time/input"] = 1000 * self._waited / self._steps
        if last_save is not None:
            point["time/checkpoint"] = 1000 * last_save
        point |= self._weights() | self._gradients()
        point |= {f"memory/{name}": gib for name, gib in memory().items()}
        write_pb(_summary(point), step)
        self.probe.due.assign(False)
        self.restart(step)

    def _weights(self):
        """Losses by part, and how far the kernels moved, both seen from before the step."""
        weights, moved = _squares(self._before, [tf.identity(value) for value in self._values])
        self._before = None
        data, auxiliary = self.probe.losses.numpy()
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        point = {
            "loss_parts/data": data,
            "loss_parts/decay": optimizer.l2 * float(tf.reduce_sum(weights)) / 2,
        }
        if len(self.model.outputs) > 1:
            point["loss_parts/auxiliary"] = auxiliary
        weights, moved = (by_stage(self._kernels, x.numpy()) for x in (weights, moved))
        for stage, square in moved.items():
            size = weights[stage] or 1.0
            point[f"update_ratio/{stage}"] = (square / size) ** 0.5
        return point

    def _gradients(self):
        squares = self.probe.squares.numpy()
        stages = by_stage(self.model.trainable_variables, squares)
        point = {f"gradient_norm/{stage}": square**0.5 for stage, square in stages.items()}
        return point | {"gradient_norm/all": float(squares.sum()) ** 0.5}


@tf.function(reduce_retracing=True)
def _squares(before, after):
    """Sums of squares of each tensor of `before`, and of its difference to `after`."""
    pairs = [
        (tf.cast(a, tf.float32), tf.cast(b, tf.float32)) for a, b in zip(before, after, strict=True)
    ]
    # l2_loss is half the sum of squares.
    weights = tf.stack([2 * tf.nn.l2_loss(a) for a, _ in pairs])
    return weights, tf.stack([2 * tf.nn.l2_loss(b - a) for a, b in pairs])


def memory() -> dict[str, float]:
    """GiB in use: "resident" in main memory where Linux tells, "gpu" where there is one."""
    used = {}
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        kib = next(line.split()[1] for line in lines if line.startswith("VmRSS:"))
        used["resident"] = int(kib) / 2**20
    except (OSError, StopIteration):
        pass
    if tf.config.list_physical_devices("GPU"):
        used["gpu"] = tf.config.experimental.get_memory_info("GPU:0")["current"] / 2**30
    return used


def _summary(point):
    """All charts of a point in one record; `tf.summary.scalar` takes a millisecond for each."""
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    record = tf.compat.v1.Summary()
    for tag, value in point.items():
        text = _DESCRIPTIONS.get(tag) or _DESCRIPTIONS.get(tag.split("/")[0])
        record.MergeFromString(scalar_pb(tag, value, text).SerializeToString())
    return record
