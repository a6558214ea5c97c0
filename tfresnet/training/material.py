"""The images of a run."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfresnet.data import steps_per_epoch
from tfresnet.data.dataset import Dataset, Split
from tfresnet.errors import InputError
from tfresnet.settings.config import TrainConfig

MOST_LISTED = 12  # classes
UNBALANCED = 3  # times as many images of one class as of another


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
        for name in ("target_top1", "keep_best") if validation is None else ():
            if value := getattr(config, name):
                raise InputError(
                    f"{name} must have images to be measured on (val_size above 0). "
                    f"Received: {value}"
                )
        side, sides = dataset.image_shape[0], config.image_sizes
        if sides and sides[-1] != side:
            shown = ",".join(map(str, sides))
            raise InputError(
                f"image_sizes must end with {side}, the side of the images. Received: {shown}"
            )
        return cls(dataset, train, validation, steps_per_epoch(len(train), config.batch_size))

    def describe(self) -> list[str]:
        """Lines about the pictures of a folder: where each part lies, pictures by class."""
        parts = {"train": self.train, "validation": self.validation, "test": self.dataset.test}
        said, folders = [], set()
        for name, split in parts.items():
            if folder := split and _folder_of(split):
                taken = "held out of" if folder in folders else "of"
                said.append(f"{name} {len(split):,} {taken} {folder.name}/")
                folders.add(folder)
        return [*([f"pictures: {', '.join(said)}"] if said else []), self._classes()]

    def class_weights(self, kind: str) -> np.ndarray | None:
        """Weight of each class in the loss, 1 on average over the images; None for "none"."""
        if kind == "none":
            return None
        counts = self._counts()
        return len(self.train) / (np.count_nonzero(counts) * np.maximum(counts, 1))

    def _counts(self):
        return np.bincount(self.train.labels, minlength=self.dataset.num_classes)

    def _classes(self):
        names, counts = self.dataset.class_names, self._counts()
        many = len(names) > MOST_LISTED
        shown = (counts.argmin(), counts.argmax()) if many else range(len(names))
        listed = (" to " if many else ", ").join(f"{names[n]} {counts[n]:,}" for n in shown)
        line = f"{len(names)} classes, images to train on: {listed}"
        if counts.max() >= UNBALANCED * max(counts.min(), 1):
            line += " (far from balanced: read the mean per class, see --class-weight balanced)"
        return line

    @property
    def checksum(self) -> int:
        """CRC-32 of all images and labels; of pictures in files, their names and sizes."""
        dataset = self.dataset
        checksum = zlib.crc32(dataset.fingerprint.encode())
        for split in filter(None, (self.train, self.validation, dataset.test)):
            for array in (split.images, split.labels):
                if isinstance(array, np.ndarray):
                    checksum = zlib.crc32(np.ascontiguousarray(array), checksum)
        return checksum


def _folder_of(split: Split) -> Path | None:
    """The folder of the class folders of pictures in files."""
    files = getattr(split.images, "files", None)
    return None if files is None else Path(files[0]).parents[1]
