"""A training run: its parts, and its position."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from tfresnet.data import train_batches
from tfresnet.errors import RunError
from tfresnet.evaluation.evaluator import Evaluation
from tfresnet.evaluation.metrics import METRICS
from tfresnet.runs.checkpoints import State, first_not_finite
from tfresnet.runs.folder import RunFolder
from tfresnet.settings import schedules
from tfresnet.settings.config import TrainConfig
from tfresnet.system.atomic import atomic_write
from tfresnet.system.devices import Devices
from tfresnet.training.learner import Learner
from tfresnet.training.material import Material
from tfresnet.training.step import Measured

_BATCHES_FOR_STATISTICS = 30  # at momentum 0.9 the moving averages forget earlier values


class DivergedError(RunError):
    """The loss or a weight is no longer a finite number."""


@dataclass(frozen=True)
class Run:
    """One training. Its only position is `state.step`, the number of steps since its start: epoch,
    learning rate, data and charts follow from it.

    config: resolved settings. devices: share the work. folder: keeps the files. material: the
    images. learner: networks and optimiser. state: the position and what has been measured.
    """

    config: TrainConfig
    devices: Devices
    folder: RunFolder
    material: Material
    learner: Learner
    state: State

    @property
    def steps_per_epoch(self) -> int:
        return self.material.steps_per_epoch

    @property
    def total_steps(self) -> int:
        return self.config.max_steps or self.config.epochs * self.steps_per_epoch

    @property
    def epochs(self) -> int:
        """Epochs of the whole run; the last one may be shorter."""
        return -(-self.total_steps // self.steps_per_epoch)

    @property
    def history(self) -> list[dict]:
        """A row for each finished epoch."""
        return self.state.history

    @property
    def epoch(self) -> int:
        """The current epoch, from 0, which is the number of finished ones."""
        return len(self.history)

    @property
    def step_in_epoch(self) -> int:
        return self.state.step - self.epoch * self.steps_per_epoch

    @property
    def image_side(self) -> int:
        """Side of the images of the current epoch, in pixels."""
        return self.side_of_epoch(min(self.epoch, self.epochs - 1))

    def side_of_epoch(self, epoch: int) -> int:
        sides = self.config.image_sizes or self.material.dataset.image_shape[:1]
        return schedules.image_side(sides, epoch, self.epochs)

    @property
    def has_crops(self) -> bool:
        """Whether the images of the current epoch are random crops."""
        return schedules.has_crops(self.epoch, self.epochs, self.config.uncropped_fraction)

    @property
    def last_step_of_epoch(self) -> int:
        return min((self.epoch + 1) * self.steps_per_epoch, self.total_steps)

    @property
    def is_at_end_of_epoch(self) -> bool:
        """Whether all steps of the epoch are done, or a callback has ended it early."""
        done = self.state.step == self.last_step_of_epoch or self.state.stopped
        return done and self.step_in_epoch > 0

    @property
    def is_trained(self) -> bool:
        done = self.state.step == self.total_steps or self.state.stopped
        return done and self.step_in_epoch <= 0

    def share_of_peak(self, step: int) -> float:
        """The learning rate of a step, from 0, divided by the peak rate."""
        warmup = round(self.config.warmup_epochs * self.steps_per_epoch)
        return schedules.share_of_peak(step, self.config.lr_scheduler, warmup, self.total_steps)

    @property
    def last_learning_rate(self) -> float:
        """The rate of the last step."""
        return self.learner.optimizer.learning_rate * self.share_of_peak(self.state.step - 1)

    def batches(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """The batches from the current step to the end of the training."""
        devices = self.devices
        shares = {"parts": devices.replicas, "mine": devices.local_replicas}
        while not self.is_trained:
            side, crop = look = self.image_side, self.has_crops
            stream = iter(self._stream(self.state.step, image_size=side, crop=crop, **shares))
            while not self.is_trained and (self.image_side, self.has_crops) == look:
                yield devices.per_replica(lambda stream=stream: next(stream))

    def _stream(self, start_step, **more):
        names = "batch_size", "seed", "augment", "padding_mode"
        options = {name: getattr(self.config, name) for name in names} | more
        flip = self.material.dataset.flip
        return train_batches(self.material.train, flip=flip, start_step=start_step, **options)

    def renew_averages(self) -> None:
        """Prepares averaged weights for the evaluation at the end of an epoch."""
        if self.learner.averages:
            first = self.epoch * self.steps_per_epoch
            stream = self._stream(first, crop=self.has_crops)
            batches = itertools.islice(stream, _BATCHES_FOR_STATISTICS)
            self.learner.averages.renew_statistics(images for images, _ in batches)

    def count(self, measured: Measured, seconds: float) -> None:
        """Counts a finished step, which took `seconds` with the wait for its batch. Raises
        `DivergedError` if its loss is not finite; the last checkpoint is older."""
        images, sums = self.config.batch_size, self.state.sums
        loss = measured.loss + measured.auxiliary
        step = {"images": images, "loss": loss * images}
        step |= {"top1": measured.top1, "top5": measured.top5}
        self.state.sums = {name: sums.get(name, 0) + value for name, value in step.items()}
        self.state.step += 1
        self.state.seconds[-1] += seconds
        if not math.isfinite(loss):
            raise DivergedError(f"the loss is {loss} {self._where()}")

    def means(self) -> dict[str, float]:
        """Training loss, top-1 and top-5 of the current epoch so far."""
        return {name: self.state.sums[name] / self.state.sums["images"] for name in METRICS}

    def close_epoch(self, validation: Evaluation | None) -> dict:
        """Adds the row of the epoch to the history, and returns it."""
        row = {"epoch": self.epoch + 1, "step": self.state.step}
        row |= {"learning_rate": self.last_learning_rate} | self.means()
        if validation is not None:
            row |= {f"val_{name}": validation.metrics[name] for name in METRICS}
        self.state.history.append(row)
        self.state.sums = {}
        self.state.seconds.append(0.0)
        self.state.stopped |= self._is_at_target
        self.folder.write_history(self.history)
        return row

    @property
    def _is_at_target(self) -> bool:
        target = self.config.target_top1
        # Rounded: 100 * 0.566 is 56.599999999999994 in floating point.
        return bool(target) and round(100 * self.history[-1]["val_top1"], 9) >= target

    def early_end(self) -> str:
        """Why the training ended before its last step; "" if it did not."""
        if self.state.step == self.total_steps:
            return ""
        why = "a callback stopped it"
        if self._is_at_target:
            why = f"validation top-1 is at least {self.config.target_top1:g} %"
        return f"the training ends after epoch {self.epoch} of {self.epochs}: {why}"

    def save(self) -> None:
        """Writes a checkpoint. Raises `DivergedError` if a weight is not finite."""
        arrays = self.learner.arrays()
        if broken := first_not_finite(arrays):
            raise DivergedError(f"{broken} is not finite {self._where()}")
        self.state.arrays = arrays | self.state.group("callbacks")
        if self.devices.is_chief:
            self.folder.flush_events()
            self.folder.checkpoints.save(self.state)

    def save_model(self, path: Path | None = None) -> None:
        """Writes the evaluated model to `path`, by default the run's `model.keras`."""
        if self.devices.is_chief:
            with atomic_write(path or self.folder.model) as temporary:
                self.learner.model.save(temporary)

    @property
    def best_epoch(self) -> dict:
        """The row of the best top-1 on validation, the first of equal ones."""
        return max(self.history, key=lambda row: row["val_top1"])

    def position(self) -> str:
        return f"{self.epoch} epochs and {self.step_in_epoch} steps"

    def _where(self):
        return f"after step {self.state.step} with learning rate {self.last_learning_rate:.6g}"
