"""The images of a run."""

import zlib
from dataclasses import dataclass

from tfresnet.data import steps_per_epoch
from tfresnet.data.dataset import Dataset, Split
from tfresnet.errors import InputError
from tfresnet.settings.config import TrainConfig


@dataclass(frozen=True)
class Material:
    """What a run trains on.

    dataset: classes, statistics and the test images. train: the images of the training.
    validation: those held out; None without any. steps_per_epoch: full batches of `train`.
    """

    dataset: Dataset
    train: Split
    validation: Split | None
    steps_per_epoch: int

    @classmethod
    def split(cls, dataset: Dataset, config: TrainConfig) -> "Material":
        """The parts of a data set, as resolved settings have them.

        Raises:
            InputError: sizes that do not fit, or settings that need other images.
        """
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
        """Of the training labels: tells whether two workers have the same images."""
        return zlib.crc32(self.train.labels.tobytes())
