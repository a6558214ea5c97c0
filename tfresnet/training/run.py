"""A training run: what it works with, and where it is."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

from tfresnet.data import train_batches
from tfresnet.errors import RunError
from tfresnet.evaluation.evaluator import Evaluation
from tfresnet.evaluation.metrics import METRICS
from tfresnet.runs.checkpoints import State, not_finite
from tfresnet.runs.folder import RunFolder
from tfresnet.settings import schedules
from tfresnet.settings.config import TrainConfig
from tfresnet.system.atomic import replaced
from tfresnet.system.devices import Devices
from tfresnet.training.learner import Learner
from tfresnet.training.material import Material
from tfresnet.training.step import Measured

_BATCHES_FOR_STATISTICS = 30  # at momentum 0.9 the moving averages forget what came before


class DivergedError(RunError):
    """The loss or a weight is not a finite number any more."""


@dataclass(frozen=True)
class Run:
    """One training. Its only position is `state.step`, the steps since its start: epoch, learning
    rate, data and charts follow from it.

    config: resolved settings. devices: what shares the work. folder: where the run is kept.
    material: its images. learner: its networks and optimiser. state: how far it is.
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
        """Of the whole run; the last one may be cut short."""
        return -(-self.total_steps // self.steps_per_epoch)

    @property
    def history(self) -> list[dict]:
        """A row for each finished epoch."""
        return self.state.history

    @property
    def epoch(self) -> int:
        """The epoch that is being trained, from 0: so many are finished."""
        return len(self.history)

    @property
    def step_in_epoch(self) -> int:
        return self.state.step - self.epoch * self.steps_per_epoch

    @property
    def image_side(self) -> int:
        """Side of the images of the present epoch, in pixels."""
        return self.side_of_epoch(min(self.epoch, self.epochs - 1))

    def side_of_epoch(self, epoch: int) -> int:
        """See `schedules.image_side`."""
        sides = self.config.image_sizes or self.material.dataset.image_shape[:1]
        return schedules.image_side(sides, epoch, self.epochs)

    @property
    def last_step_of_epoch(self) -> int:
        return min((self.epoch + 1) * self.steps_per_epoch, self.total_steps)

    @property
    def is_at_end_of_epoch(self) -> bool:
        """Whether the steps of the epoch are done, or a callback has ended it early."""
        done = self.state.step == self.last_step_of_epoch or self.state.stopped
        return done and self.step_in_epoch > 0

    @property
    def is_trained(self) -> bool:
        done = self.state.step == self.total_steps or self.state.stopped
        return done and self.step_in_epoch <= 0

    def share_of_peak(self, step: int) -> float:
        """See `schedules.share_of_peak`."""
        warmup = round(self.config.warmup_epochs * self.steps_per_epoch)
        return schedules.share_of_peak(step, self.config.lr_scheduler, warmup, self.total_steps)

    @property
    def last_learning_rate(self) -> float:
        """The rate of the step just done."""
        return self.learner.optimizer.learning_rate * self.share_of_peak(self.state.step - 1)

    def batches(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """The batches from the present step on, until the run is trained."""
        devices = self.devices
        while not self.is_trained:
            side = self.image_side
            parts = {"parts": devices.replicas, "mine": devices.mine, "image_size": side}
            stream = iter(self._stream(self.state.step, **parts))
            while not self.is_trained and self.image_side == side:
                yield devices.each(lambda stream=stream: next(stream))

    def _stream(self, start_step, **more):
        config = self.config
        return train_batches(
            self.material.train,
            batch_size=config.batch_size,
            seed=config.seed,
            flip=self.material.dataset.flip,
            augment=config.augment,
            padding_mode=config.padding_mode,
            start_step=start_step,
            **more,
        )

    def renew_averages(self) -> None:
        """Makes averaged weights, if there are any, ready for use at the end of an epoch."""
        if self.learner.averages:
            first = self.epoch * self.steps_per_epoch
            batches = itertools.islice(self._stream(first), _BATCHES_FOR_STATISTICS)
            self.learner.averages.renew_statistics(images for images, _ in batches)

    def count(self, measured: Measured, seconds: float) -> None:
        """Takes note of a finished step, which took so many seconds with the wait for its batch.

        Raises:
            DivergedError: its loss is not finite; the last checkpoint is from before.
        """
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
        """Loss, top-1 and top-5 of the epoch so far, as in training."""
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
        target = self.config.target_top1
        # Rounded: 56.6 % reached exactly is 56.599999999999994 in floating point.
        if target and round(100 * row["val_top1"], 9) >= target:
            self.state.stopped = True
        self.folder.write_history(self.history)
        return row

    def save(self) -> None:
        """Writes a checkpoint.

        Raises:
            DivergedError: a weight is not finite, which the loss of this step need not show.
        """
        self.state.arrays = self.learner.arrays()
        if broken := not_finite(self.state.arrays):
            raise DivergedError(f"{broken} is not finite {self._where()}")
        if self.devices.is_chief:
            self.folder.checkpoints.save(self.state)

    def save_model(self) -> None:
        if self.devices.is_chief:
            with replaced(self.folder.model) as path:
                self.learner.model.save(path)

    def where_it_is(self) -> str:
        return f"{self.epoch} epochs and {self.step_in_epoch} steps"

    def _where(self):
        return f"after step {self.state.step} with learning rate {self.last_learning_rate:.6g}"
