"""What a run works with, made from its settings: the data and the network."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import tensorflow as tf

from tfresnet import models
from tfresnet.data import eval_batches, load_dataset, steps_per_epoch, train_batches
from tfresnet.data.dataset import Dataset, Split
from tfresnet.evaluation import EVAL_BATCH, normalise
from tfresnet.layers.rematerialization import rematerialize
from tfresnet.training.config import TrainConfig
from tfresnet.training.precision import choose_precision


@dataclass
class Job:
    """Settings with everything that they decide before the first step."""

    config: TrainConfig
    dataset: Dataset
    train: Split
    validation: Split | None
    steps: int  # an epoch
    precision: str
    reason: str

    def train_batches(self, epoch: int, step: int = 0) -> tf.data.Dataset:
        """The endless stream of training batches from a step of an epoch on."""
        batches = train_batches(
            self.train,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            flip=self.dataset.flip,
            augment=self.config.augment,
            start_step=epoch * self.steps + step,
        )
        return self._normalised(batches)

    def validation_batches(self) -> tf.data.Dataset | None:
        """All images held out, once; None without any."""
        if self.validation is None:
            return None
        return self._normalised(eval_batches(self.validation, batch_size=EVAL_BATCH))

    def _normalised(self, batches):
        return batches.map(lambda images, labels: (normalise(images, self.dataset), labels))


def prepare(config: TrainConfig) -> Job:
    """Loads and splits the data; writes nothing.

    Raises:
        InputError: impossible settings or missing data.
    """
    config = config.resolved()
    dataset = load_dataset(config.dataset, config.data_dir)
    train, validation = dataset.holdout(config.val_size, config.seed, config.train_size)
    steps = steps_per_epoch(len(train), config.batch_size)
    return Job(config, dataset, train, validation, steps, *choose_precision(config.precision))


def build_network(job: Job) -> keras.Model:
    """The network with its initial weights, a function of the seed."""
    config = job.config
    options = {"zero_init_last_gamma": True} if config.zero_init_residual else {}
    if config.shortcut != "auto":
        options["shortcut"] = config.shortcut
    if models.has_auxiliary(config.model):
        options["auxiliary"] = True
    keras.utils.set_random_seed(config.seed)
    with _dtype_policy(job.precision):
        network = models.create_model(
            config.model,
            num_classes=job.dataset.num_classes,
            input_shape=job.dataset.image_shape,
            **options,
        )
    return rematerialize(network) if config.remat else network


@contextmanager
def _dtype_policy(name) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
