"""A training run: what it works with, and where it is."""

import dataclasses
import itertools
import math
import time
import zlib
from collections.abc import Iterator

import tensorflow as tf

from tfresnet import models
from tfresnet.atomic import replaced
from tfresnet.data import OPTIONS, load_dataset, resolve_data_dir, steps_per_epoch, train_batches
from tfresnet.devices import Devices
from tfresnet.errors import InputError, RunError
from tfresnet.evaluation import METRICS, Evaluation
from tfresnet.hardware import choose_precision
from tfresnet.runs.checkpoints import State, not_finite
from tfresnet.runs.folder import RunFolder
from tfresnet.runs.network import build_network
from tfresnet.runs.variables import collect, model_variables, optimizer_variables, restore
from tfresnet.training.averages import AveragedWeights
from tfresnet.training.config import TrainConfig
from tfresnet.training.muon import Muon
from tfresnet.training.optimizer import SGD
from tfresnet.training.schedules import image_sides, share_of_peak
from tfresnet.training.step import Measured

_BATCHES_FOR_STATISTICS = 30  # of which the moving averages, at momentum 0.9, see the last well


class DivergedError(RunError):
    """The loss or a weight is not a finite number any more."""


class Run:
    """One training. Its only position is `state.step`, the steps since its start: epoch, learning
    rate, data and charts follow from it.

    config: resolved settings, with the precision that "auto" has chosen.
    dataset, train, validation: images; `validation` (None without any) are those held out.
    network: what is trained, with the auxiliary classifiers that only training uses.
    devices: what shares the work.
    total_steps, epochs: lengths; the last epoch may be cut short.
    model: what is evaluated and saved: the network, or its averages; one output.
    waited: seconds that the newest batch kept the training waiting.
    """

    def __init__(self, config: TrainConfig, devices: Devices, folder: RunFolder | None = None):
        config = config.resolved()
        precision, self.precision_reason = choose_precision(config.precision)
        data_dir = resolve_data_dir(config.data_dir)
        config = dataclasses.replace(config, precision=precision, data_dir=data_dir)
        self.config, self.devices, self.folder = config, devices, folder
        options = {name: getattr(config, name) for name in OPTIONS}
        self.dataset = load_dataset(config.dataset, data_dir, **options)
        sizes = config.val_size, config.seed, config.train_size
        self.train, self.validation = self.dataset.holdout(*sizes)
        if config.target_top1 and self.validation is None:
            raise InputError(
                "target_top1 must have images to be measured on (val_size above 0). "
                f"Received: {config.target_top1}"
            )
        self.steps_per_epoch = steps_per_epoch(len(self.train), config.batch_size)
        self.total_steps = config.max_steps or config.epochs * self.steps_per_epoch
        self.epochs = -(-self.total_steps // self.steps_per_epoch)
        side = self.dataset.image_shape[0]
        self.sides = image_sides(config.image_sizes or str(side), self.epochs)
        if self.sides[-1] != side:
            raise InputError(
                f"image_sizes must end with {side}, the side of the images. "
                f"Received: {config.image_sizes!r}"
            )
        devices.agree(self._facts())
        self.averages = None
        with devices.together(), devices.strategy.scope():
            whole = build_network(config.to_dict(), self.dataset)
            self.network = self._for_all_sides(whole) if config.image_sizes else whole
            self.optimizer = _optimizer(config, self.network.trainable_variables)
            if config.ema:
                twin = build_network(config.to_dict(), self.dataset)
                self.averages = AveragedWeights(twin, self.network, config.ema)
            self.model = models.without_auxiliary(self.averages.network if self.averages else whole)
        self.state = State(replicas=devices.replicas)
        self.waited = 0.0

    def _for_all_sides(self, network):
        try:
            return models.of_any_size(network, self.sides[0])
        except ValueError as error:
            raise InputError(
                f"image_sizes must be sides that {network.name} can be trained on, made for "
                f"{self.sides[-1]}. Received: {self.config.image_sizes!r}"
            ) from error

    def _facts(self):
        """What has to be the same at all workers."""
        own = ("data_dir", "output_dir")  # may have other names on another machine
        facts = {name: v for name, v in self.config.to_dict().items() if name not in own}
        facts["training labels (checksum)"] = zlib.crc32(self.train.labels.tobytes())
        return facts | {"resume": self.folder is not None}

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
        """Of the images of the epoch that is being trained, in pixels."""
        return self.sides[min(self.epoch, self.epochs - 1)]

    @property
    def last_step_of_epoch(self) -> int:
        return min((self.epoch + 1) * self.steps_per_epoch, self.total_steps)

    @property
    def is_at_end_of_epoch(self) -> bool:
        """Whether all steps of the epoch are done, or all that a callback has let it have."""
        done = self.state.step == self.last_step_of_epoch or self.state.stopped
        return done and self.step_in_epoch > 0

    @property
    def is_trained(self) -> bool:
        done = self.state.step == self.total_steps or self.state.stopped
        return done and self.step_in_epoch <= 0

    def share_of_peak(self, step: int) -> float:
        """See `schedules.share_of_peak`, by the settings of the run."""
        warmup = round(self.config.warmup_epochs * self.steps_per_epoch)
        return share_of_peak(step, self.config.lr_scheduler, warmup, self.total_steps)

    @property
    def last_learning_rate(self) -> float:
        """The rate of the step just done."""
        return self.optimizer.learning_rate * self.share_of_peak(self.state.step - 1)

    def batches(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """The batches from the present step on, until the run is trained."""
        while not self.is_trained:
            yield from self._batches_of_one_side()

    def _batches_of_one_side(self):
        devices, side = self.devices, self.image_side
        shared = {"parts": devices.replicas, "mine": devices.mine, "image_size": side}
        batches = iter(self._stream(self.state.step, **shared))
        while not self.is_trained and self.image_side == side:
            began = time.perf_counter()
            batch = devices.each(lambda: next(batches))
            self.waited = time.perf_counter() - began
            yield batch

    def _stream(self, start_step, **more):
        config = self.config
        return train_batches(
            self.train,
            batch_size=config.batch_size,
            seed=config.seed,
            flip=self.dataset.flip,
            augment=config.augment,
            padding_mode=config.padding_mode,
            start_step=start_step,
            **more,
        )

    def renew_averages(self) -> None:
        """Makes averaged weights, if there are any, ready for use at the end of an epoch."""
        if self.averages:
            first = self.epoch * self.steps_per_epoch
            batches = itertools.islice(self._stream(first), _BATCHES_FOR_STATISTICS)
            self.averages.renew_statistics(images for images, _ in batches)

    def count(self, measured: Measured, seconds: float) -> None:
        """Takes note of a step that is done and took so long, after the wait for its batch.

        Raises:
            DivergedError: its loss is not finite; the last checkpoint is from before.
        """
        images, sums = self.config.batch_size, self.state.sums
        loss = measured.loss + measured.auxiliary
        step = {"images": images, "loss": loss * images}
        step |= {"top1": measured.top1, "top5": measured.top5}
        self.state.sums = {name: sums.get(name, 0) + value for name, value in step.items()}
        self.state.step += 1
        self.state.seconds[-1] += self.waited + seconds
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
        if target and row["val_top1"] >= target / 100:
            self.state.stopped = True
        self.folder.write_history(self.history)
        return row

    def save(self) -> None:
        """Writes a checkpoint.

        Raises:
            DivergedError: a weight is not finite, which the loss of this step need not show.
        """
        self.state.arrays = collect(self._variables())
        if broken := not_finite(self.state.arrays):
            raise DivergedError(f"{broken} is not finite {self._where()}")
        if self.devices.is_chief:
            self.folder.checkpoints.save(self.state)

    def restore(self) -> None:
        """Goes to the newest checkpoint, or stays at the beginning if there is none.

        Raises:
            InputError: the checkpoints are damaged, or of another network.
        """
        is_chief, path = self.devices.is_chief, self.folder.path
        state = self.folder.checkpoints.newest(set_aside=is_chief)
        self.devices.agree({"newest checkpoint": state and state.step})
        if state is None:
            models.load_weights(self.network, self.config.weights)
            self.folder.say(f"resuming {path} from the beginning: it has no checkpoint")
            return
        try:
            restore(self._variables(), state.arrays)
        except ValueError as error:
            raise InputError(f"this run cannot be continued: {error}. Received: {path}") from error
        self.state = state
        self.folder.say(f"resuming {path} after {self.where_it_is()}")
        if state.replicas != self.devices.replicas:
            self.folder.say(
                f"{self.devices}, {state.replicas} before: the same batches, not the same rounding"
            )
        state.replicas = self.devices.replicas

    def save_model(self) -> None:
        if self.devices.is_chief:
            with replaced(self.folder.model) as path:
                self.model.save(path)

    def _variables(self):
        variables = model_variables(self.network) | optimizer_variables(self.optimizer)
        if self.averages:
            variables |= model_variables(self.averages.network, "average")
        return variables

    def where_it_is(self) -> str:
        return f"{self.epoch} epochs and {self.step_in_epoch} steps"

    def _where(self):
        return f"after step {self.state.step} with learning rate {self.last_learning_rate:.6g}"


def _optimizer(config, trainable):
    settings = {"lr": config.lr, "momentum": config.momentum, "nesterov": config.nesterov}
    settings |= {"l2": config.weight_decay, "scaled": config.precision == "mixed_float16"}
    if config.opt == "muon":
        return Muon(trainable, kernel_lr=config.muon_lr, **settings)
    return SGD(trainable, **settings)
