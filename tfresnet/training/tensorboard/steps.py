"""The charts by step: rate, speed, time by part, memory, and the health of the gradients."""

import time
from pathlib import Path

import tensorflow as tf

from tfresnet.training.callbacks import last_learning_rate
from tfresnet.training.optimizer import decays
from tfresnet.training.probe import StepProbe
from tfresnet.training.tensorboard.stages import by_stage

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
        self._before = None
        self.restart(0)

    def restart(self, step: int) -> None:
        """Begins a new stretch for the averages: what came before `step` is not training."""
        self._since, self._since_step = time.monotonic(), step
        self._steps, self._waited, self._computed = 0, 0.0, 0.0

    def before_step(self, step: int, gradients_wanted: bool = False) -> None:
        due = step % self.every == 0
        if due:
            self._before = [tf.identity(kernel.value) for kernel in self._kernels]
        if due or gradients_wanted:
            self.probe.due.assign(True)
        self._began = time.time()  # the clock that the step itself reads

    def after_step(self, step: int) -> bool:
        """Takes the time; whether there is a point to be written."""
        now, arrived = time.time(), float(self.probe.arrived.numpy())
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
        _scalar("learning_rate", last_learning_rate(self.model))
        _scalar("images_per_second", images / seconds)
        if float(self.probe.arrived.numpy()):
            _scalar("time/input", 1000 * self._waited / self._steps, "Waiting for data, ms a step")
        _scalar("time/step", 1000 * self._computed / self._steps, "Computing, ms a step")
        if last_save is not None:
            _scalar("time/checkpoint", 1000 * last_save, "Writing the last checkpoint, ms")
        self._write_losses()
        self._write_gradients()
        self._write_updates()
        for name, gib in memory().items():
            _scalar(f"memory/{name}", gib, "GiB")
        self.probe.due.assign(False)
        self.restart(step)

    def _write_losses(self):
        data, auxiliary = self.probe.losses.numpy()
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        # From before the step, as the data's part is; l2_loss is half the sum of squares.
        squares = [tf.nn.l2_loss(tf.cast(kernel, tf.float32)) for kernel in self._before]
        self._weight_squares = [2 * float(square) for square in squares]
        _scalar("loss_parts/data", data, "Cross-entropy of this step's batch")
        _scalar("loss_parts/decay", optimizer.l2 * sum(self._weight_squares) / 2, "l2 / 2 * |w|^2")
        if len(self.model.outputs) > 1:
            _scalar("loss_parts/auxiliary", auxiliary, "Auxiliary classifiers, weighted")

    def _write_gradients(self):
        squares = self.probe.squares.numpy()
        for stage, square in by_stage(self.model.trainable_variables, squares).items():
            _scalar(f"gradient_norm/{stage}", square**0.5, "L2 norm, without decay")
        _scalar("gradient_norm/all", float(squares.sum()) ** 0.5, "L2 norm, without decay")

    def _write_updates(self):
        moved = [
            2 * float(tf.nn.l2_loss(tf.cast(kernel.value - before, tf.float32)))
            for kernel, before in zip(self._kernels, self._before, strict=True)
        ]
        self._before = None
        moved, weights = (by_stage(self._kernels, x) for x in (moved, self._weight_squares))
        for stage, square in moved.items():
            ratio = (square / weights[stage]) ** 0.5 if weights[stage] else 0.0
            _scalar(f"update_ratio/{stage}", ratio, "|change| / |weights| of the kernels")


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


def _scalar(tag, value, description=None):
    tf.summary.scalar(tag, value, description=description)
