"""Data sets: images, labels, and the facts that training needs about them."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfresnet.errors import InputError
from tfresnet.settings.values import as_text
from tfresnet.settings.values import classes as parse_classes

if TYPE_CHECKING:
    from tfresnet.data.pictures import Pictures

VAL_SHARE = 0.1  # of the training images: 5,000 of CIFAR-10


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set.

    images: uint8 (n, height, width, 3), RGB: an array, or `Pictures`, read on demand.
    labels: int32 (n,), positions in `class_names`.
    Raises `InputError` for any other type or shape.
    """

    images: "np.ndarray | Pictures"
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
                f"labels must be int32 of shape ({len(images)},), one per image. "
                f"Received: {labels.dtype} {labels.shape}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """The images at `indices`, in that order; arrays are copied."""
        return Split(self.images.take(indices, axis=0), self.labels[indices])

    def select_classes(self, numbers: list[int]) -> "Split":
        """The images of these classes, renumbered from 0; `numbers` are sorted."""
        split = self.take(np.flatnonzero(np.isin(self.labels, numbers)))
        return Split(split.images, np.searchsorted(numbers, split.labels).astype(np.int32))


@dataclass(frozen=True, eq=False)
class Features(Split):
    """Features that a network computed: `images` is float32 (n, channels)."""

    def __post_init__(self) -> None:
        if self.images.ndim != 2 or len(self.images) != len(self.labels):
            raise InputError(
                "features must be of shape (n, channels), with one label each. "
                f"Received: {self.images.shape}, {len(self.labels)} labels"
            )


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images.

    mean, std: per channel, of the training images scaled to [0, 1].
    flip: whether a mirrored image keeps its class, so that training may mirror images.
    validation: the data set's own validation images, if it has any.
    fingerprint: changes with the files of the data set; "" for a known set.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    flip: bool
    validation: Split | None = None
    fingerprint: str = ""

    def __repr__(self) -> str:
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        sizes = [f"{len(part):,} {what}" for what, part in parts.items() if part]
        names = [*self.class_names[:10], *(["..."] if self.num_classes > 10 else [])]
        height, width, _ = self.image_shape
        return (
            f"{self.name}: {', '.join(sizes)} images of {height}x{width} pixels\n"
            f"{self.num_classes} classes: {', '.join(names)}\n"
            f"mean {_rounded(self.mean)}, std {_rounded(self.std)}, "
            f"{'mirrored' if self.flip else 'not mirrored'} in training"
        )

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.train.images.shape[1:]

    def select_classes(self, classes: str | Iterable[int | str]) -> "Dataset":
        """The images of some classes, renumbered from 0 in the data set's order.

        classes: numbers or names, in any form that `settings.values.classes` accepts. If numbers
            are the names of all classes, a number means the class of that name.
        Raises `InputError` for an unknown class, or fewer than two.
        """
        names = self.class_names
        try:
            chosen = parse_classes(classes)
            numbers = sorted({self._number_of_class(c) for c in chosen})
        except (TypeError, ValueError):
            numbers = []
        if len(numbers) < 2 or numbers[-1] >= len(names):
            shown = classes if isinstance(classes, str) else as_text(tuple(classes))
            raise InputError(
                f"classes must be two or more of the data set, by name ({names[0]} to "
                f"{names[-1]}) or by number up to {len(names) - 1}. Received: {shown!r}"
            )
        parts = {name: getattr(self, name) for name in ("train", "validation", "test")}
        parts = {name: part and part.select_classes(numbers) for name, part in parts.items()}
        return dataclasses.replace(self, class_names=tuple(names[n] for n in numbers), **parts)

    def _number_of_class(self, chosen):
        if isinstance(chosen, str):
            return self.class_names.index(chosen)
        if all(name.isdecimal() for name in self.class_names):  # then a number is a name
            return [int(name) for name in self.class_names].index(chosen)
        return chosen

    def holdout(
        self, val_size: int | None, seed: int, train_size: int | None = None
    ) -> tuple[Split, Split | None]:
        """Splits the training images into (train, validation), each class in the same share.

        The choice depends only on the labels and the seed, and keeps the order of the images.
        `val_size` 0 gives (train, None); None takes the data set's own validation images, or else
        `VAL_SHARE`. `train_size` limits the training images, whatever `val_size`.
        Raises `InputError` unless 0 <= val_size < len(train) and 1 <= train_size <= the rest.
        """
        if val_size is None and self.validation is not None:
            return self.holdout(0, seed, train_size)[0], self.validation
        if val_size is None:
            val_size = round(VAL_SHARE * len(self.train))
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
        order = balanced_order(self.train.labels, seed)
        end = None if train_size is None else val_size + train_size
        train = self.train.take(np.sort(order[val_size:end]))
        return train, self.train.take(np.sort(order[:val_size])) if val_size else None


def _rounded(numbers):
    return ", ".join(f"{number:.3f}" for number in numbers)


def balanced_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """A random order of the images in which every prefix has each class in its share."""
    # Sorted raw bits of Philox: unlike NumPy's shuffles, they are the same in all versions.
    shuffled = np.argsort(np.random.Philox(key=seed % 2**64).random_raw(len(labels)), kind="stable")
    turn = np.empty(len(labels))
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        turn[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shuffled[np.argsort(turn[shuffled], kind="stable")]


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) by channel of uint8 images (n, height, width, 3), scaled to [0, 1]."""
    levels, pixels = np.arange(256) / 255, images[..., 0].size
    moments = []
    for channel in np.moveaxis(images, -1, 0):
        share = np.bincount(channel.ravel(), minlength=256) / pixels  # no float copy of the pixels
        mean = np.sum(share * levels)
        moments.append((float(mean), float(np.sqrt(np.sum(share * (levels - mean) ** 2)))))
    return tuple(zip(*moments, strict=True))
