"""What happens around the steps: position, progress, the end of a run that diverged."""

import math
import sys
import time

import keras

from tfresnet.errors import RunError
from tfresnet.training.checkpoints import State, metric_variables, restore
from tfresnet.training.run_folder import RunFolder


class Position(keras.callbacks.Callback):
    """Keeps `state` (epoch, step, history) true while `fit` runs. Comes first in the list.

    Keras counts the steps of each `fit` from 0 and clears the running metrics at the start of an
    epoch; after a resume in mid-epoch both have to go on from where they were.
    """

    def __init__(self, state: State, steps_per_epoch: int):
        super().__init__()
        self.state = state
        self.steps_per_epoch = steps_per_epoch

    @property
    def global_step(self) -> int:
        return self.state.epoch * self.steps_per_epoch + self.state.step

    def on_epoch_begin(self, epoch, logs=None):
        self._done_before = self.state.step
        if 0 < self.state.step < self.steps_per_epoch:
            restore(metric_variables(self.model), self.state.group("metrics"))

    def on_train_batch_end(self, batch, logs=None):
        self.state.step = self._done_before + batch + 1
        if self.state.step == self.steps_per_epoch:
            self.state.logs = {name: float(value) for name, value in logs.items()}

    def on_epoch_end(self, epoch, logs=None):
        rate = last_learning_rate(self.model)
        row = {"epoch": epoch + 1, "step": self.global_step, "learning_rate": rate}
        self.state.history.append(row | {name: float(value) for name, value in logs.items()})
        self.state.epoch, self.state.step, self.state.logs = epoch + 1, 0, {}


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Ends a run whose loss is NaN or infinite; the last checkpoint is from before."""

    def __init__(self, position: Position):
        super().__init__()
        self.position = position

    def on_train_batch_end(self, batch, logs=None):
        # The running mean stays non-finite once a step was.
        if not math.isfinite(logs["loss"]):
            rate = last_learning_rate(self.model)
            raise DivergedError(
                f"the loss is {float(logs['loss'])} at step {self.position.global_step} with "
                f"learning rate {rate:.6g}"
            )


class DivergedError(RunError):
    """The loss or a weight is not a finite number any more."""


class Progress(keras.callbacks.Callback):
    """How long it will take, a bar on a terminal, one line an epoch everywhere."""

    WARMUP_STEPS = 2  # the first holds the compilation
    MEASURED_SECONDS = 3.0

    def __init__(self, position: Position, folder: RunFolder, epochs: int, batch_size: int):
        super().__init__()
        self.position = position
        self.folder = folder
        self.epochs = epochs
        self.batch_size = batch_size
        self._estimated = False

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.monotonic()
        self._steps_before = self.position.state.step

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.WARMUP_STEPS:
            self._warm = time.monotonic()
        steps = batch + 1 - self.WARMUP_STEPS
        if steps < 1:
            return
        pace = (time.monotonic() - self._warm) / steps
        if not self._estimated and (pace * steps > self.MEASURED_SECONDS or steps == 50):
            self._estimate(pace)
        if sys.stdout.isatty():
            self._bar(pace, logs)

    def _estimate(self, pace):
        self._estimated = True
        position = self.position
        left = self.epochs * position.steps_per_epoch - position.global_step
        self._print(
            f"{duration(pace * position.steps_per_epoch)} an epoch, "
            f"{duration(pace * left)} for the {left} steps left "
            f"({self.batch_size / pace:.0f} images/s)"
        )

    def _bar(self, pace, logs):
        state, steps = self.position.state, self.position.steps_per_epoch
        left = self.epochs * steps - self.position.global_step
        filled = round(20 * state.step / steps)
        sys.stdout.write(
            f"\repoch {state.epoch + 1}/{self.epochs} {'#' * filled}{'.' * (20 - filled)} "
            f"{state.step}/{steps}  loss {logs['loss']:.4f}  top-1 {100 * logs['top1']:.2f}  "
            f"{duration(pace * left)} left\033[K"
        )
        sys.stdout.flush()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.monotonic() - self._began
        images = (self.position.steps_per_epoch - self._steps_before) * self.batch_size
        row = self.position.state.history[-1]
        self._print(
            f"epoch {epoch + 1:3d}/{self.epochs}  {_metrics(row)}"
            + (f"  validation {_metrics(row, 'val_')}" if "val_loss" in row else "")
            + f"  {seconds:.0f} s  {images / seconds:.0f} images/s"
        )

    def _print(self, line):
        if sys.stdout.isatty():
            sys.stdout.write("\r\033[K")
        self.folder.say(line)


def _metrics(row, prefix=""):
    return (
        f"loss {row[prefix + 'loss']:.4f}  top-1 {100 * row[prefix + 'top1']:5.2f}  "
        f"top-5 {100 * row[prefix + 'top5']:5.2f}"
    )


def duration(seconds: float) -> str:
    """Seconds in words a person plans with: 45 s, 13 min, 2 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def last_learning_rate(model: keras.Model) -> float:
    """The rate of the step just done; the optimiser itself tells that of the next one."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return float(optimizer._learning_rate(optimizer.iterations - 1))
