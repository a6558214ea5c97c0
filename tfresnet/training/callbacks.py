"""What happens around the steps: position, progress, checkpoints."""

import math
import sys
import time

import keras

from tfresnet.training.checkpoints import State, collect, restore
from tfresnet.training.run_folder import RunFolder
from tfresnet.training.signals import Interrupted, StopRequest


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
        if self.state.step:
            restore(metric_variables(self.model), self.state.group("metrics"))

    def on_train_batch_end(self, batch, logs=None):
        self.state.step = self._done_before + batch + 1

    def on_epoch_end(self, epoch, logs=None):
        rate = last_learning_rate(self.model)
        row = {"epoch": epoch + 1, "step": self.global_step, "learning_rate": rate}
        self.state.history.append(row | {name: float(value) for name, value in logs.items()})
        self.state.epoch, self.state.step = epoch + 1, 0


class Checkpointer(keras.callbacks.Callback):
    """Saves the full state each epoch and every few minutes, and when asked to stop.

    Comes last in the list, so that what a checkpoint stands for is on the disk before it.
    """

    def __init__(
        self, position: Position, folder: RunFolder, minutes: float, stop_request: StopRequest
    ):
        super().__init__()
        self.position = position
        self.folder = folder
        self.seconds = minutes * 60
        self.stop_request = stop_request
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        late = time.monotonic() - self._saved_at > self.seconds
        if self.stop_request.signum or late:
            self.save()
            self._stop_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        self.folder.write_history(self.position.state.history)
        self.save()
        self._stop_if_asked()

    def save(self):
        state = self.position.state
        state.arrays = collect(all_variables(self.model))
        self.folder.checkpoints.save(state, self.position.global_step)
        self._saved_at = time.monotonic()

    def _stop_if_asked(self):
        if self.stop_request.signum:
            state = self.position.state
            raise Interrupted(
                self.stop_request.signum,
                f"stopped after {state.epoch} epochs and {state.step} steps; everything is saved. "
                f"Go on with: python train.py --resume {self.folder.path}",
            )


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
                f"learning rate {rate:.6g}; the last good state is in the checkpoints"
            )


class DivergedError(ArithmeticError):
    """The loss is not a finite number any more."""


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


def all_variables(model: keras.Model) -> dict:
    """Every variable that the next step depends on, by a name of its own."""
    named = {f"model/{variable.path}": variable for variable in model.variables}
    named |= {f"optimizer/{variable.path}": variable for variable in model.optimizer.variables}
    expected = len(model.variables) + len(model.optimizer.variables)
    if len(named) != expected:
        raise ValueError(
            f"variables need paths of their own. Received: {expected - len(named)} twice"
        )
    return named | metric_variables(model)


def metric_variables(model: keras.Model) -> dict:
    """The running means of the current epoch."""
    return {
        f"metrics/{metric.name}/{index}/{variable.name}": variable
        for metric in model.metrics
        for index, variable in enumerate(metric.variables)
    }
