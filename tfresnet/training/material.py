"""The images of a run."""

import zlib
from dataclasses import dataclass

from tfresnet.data import steps_per_epoch
from tfresnet.data.dataset import Dataset, Split
from tfresnet.errors import InputError
from tfresnet.settings.config import TrainConfig


@dataclass(frozen=True)
class Material:
    """The images that a run trains on.

    dataset: classes, statistics and the test images. train: training images. validation: images
    held out, or None. steps_per_epoch: full batches of `train`.
    """

    dataset: Dataset
    train: Split
    validation: Split | None
    steps_per_epoch: int

    @classmethod
    def split(cls, dataset: Dataset, config: TrainConfig) -> "Material":
        """Splits a data set by resolved settings. Raises `InputError` if they do not fit."""
        train, validation = dataset.holdout(config.val_size, config.seed, config.train_size)
        if config.target_top1 and validation is None:
            raise InputError(
                "target_top1 must have images to be measured on (val_size above 0). "
                f"Received: {config.target_top1}"
            )
        side, sides = dataset.image_shape[0], config.image_sizes
        if sides and sides[-1] != side:
            shown = ",".join(map(str, sides))
            raise InputError(
                f"image_sizes must end with {side}, the side of the images. Received: {shown}"
            )
        return cls(dataset, train, validation, steps_per_epoch(len(train), config.batch_size))

    @property
    def checksum(self) -> int:
        """CRC-32 of the training labels: tells whether two workers have the same images."""
        return zlib.crc32(self.train.labels.tobytes())
