"""What a data set is: images and labels in memory, with what is known about them."""

from dataclasses import dataclass

import numpy as np

from tfresnet.errors import InputError


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set.

    images: uint8 (n, height, width, 3), RGB. labels: int32 (n,), positions in `class_names`.
    Raises `InputError` for any other type or shape.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise InputError(
                "images must be uint8 of shape (n, height, width, 3). "
                f"Received: {images.dtype} {images.shape}"
            )
        if labels.dtype != np.int32 or labels.shape != images.shape[:1]:
            raise InputError(
                f"labels must be int32 of shape ({len(images)},), one an image. "
                f"Received: {labels.dtype} {labels.shape}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """The images at `indices` (copied), in that order."""
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test split with the facts that training needs.

    mean, std: per channel, of the training images scaled to [0, 1].
    flip: whether a mirrored image keeps its class, so that mirroring is a fair augmentation.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    flip: bool

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.train.images.shape[1:]

    def holdout(
        self, val_size: int, seed: int, train_size: int | None = None
    ) -> tuple[Split, Split | None]:
        """(train, validation): `val_size` images taken out of the training split.

        Each class gives equally many (a remainder is spread, and a class that runs out leaves its
        share to the others). The choice depends on the labels and the seed only; both parts keep
        the order of the training split. `val_size=0` gives (train, None). `train_size` keeps that
        many of the other images, chosen in the same way and independent of how many are left out.
        Raises `InputError` unless 0 <= val_size < len(train) and 1 <= train_size <= the rest.
        """
        if not 0 <= val_size < len(self.train):
            raise InputError(
                f"val_size must be at least 0 and below {len(self.train)}, the number of training "
                f"images. Received: {val_size}"
            )
        left = len(self.train) - val_size
        if train_size is not None and not 1 <= train_size <= left:
            raise InputError(
                f"train_size must be at least 1 and at most {left}, the number of training images "
                f"that are not held out. Received: {train_size}"
            )
        if val_size == 0 and train_size is None:
            return self.train, None
        order = _balanced_order(self.train.labels, seed)
        end = None if train_size is None else val_size + train_size
        train = self.train.take(np.sort(order[val_size:end]))
        return train, self.train.take(np.sort(order[:val_size])) if val_size else None


def _balanced_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """A random order of the images in which the classes take turns."""
    # Sorting Philox' raw bits: NumPy promises these for all versions, its shuffles it does not.
    shuffled = np.argsort(np.random.Philox(key=seed % 2**64).random_raw(len(labels)), kind="stable")
    turn = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        turn[members] = np.arange(len(members))
    return shuffled[np.argsort(turn[shuffled], kind="stable")]


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) of each channel of uint8 images (n, height, width, 3), scaled to [0, 1]."""
    levels = np.arange(256) / 255
    means, stds = [], []
    for channel in range(images.shape[-1]):
        # 256 exact counts instead of a float copy of every pixel.
        share = np.bincount(images[..., channel].ravel(), minlength=256) / images[..., 0].size
        mean = float(np.sum(share * levels))
        means.append(mean)
        stds.append(float(np.sqrt(np.sum(share * (levels - mean) ** 2))))
    return tuple(means), tuple(stds)
