"""The Images page: what goes in, what the first layer sees, what is confused with what."""

import keras
import numpy as np
import tensorflow as tf

from tfresnet.data import train_batches
from tfresnet.data.dataset import Dataset, Split
from tfresnet.layers import Preprocessing
from tfresnet.training.tensorboard.figures import COLUMNS, heat, image_grid

VARIED = 8  # images shown with and without augmentation
SHOWN = 16  # mistakes
ENLARGED = 16  # pixels on the screen for one of a small picture
_NO_MAPS = (keras.layers.InputLayer, Preprocessing)


def augmentation(dataset: Dataset, seed: int, augment: bool) -> np.ndarray:
    """Images as they lie on the disk, each with its form in the first epoch on its right."""
    few = dataset.train.take(np.arange(min(VARIED, len(dataset.train))))
    batches = [
        train_batches(few, batch_size=len(few), seed=seed, flip=dataset.flip, augment=varied)
        for varied in (False, augment)
    ]
    (before, labels), (after, _) = (next(iter(batch)) for batch in batches)
    both = np.stack([before, after], axis=1).reshape(-1, *dataset.image_shape)
    captions = [
        caption
        for label in labels.numpy()
        for caption in (dataset.class_names[label], "augmented" if augment else "as trained")
    ]
    return image_grid(both.astype(np.uint8), captions)


def first_filters(model: keras.Model) -> np.ndarray | None:
    """The kernels that look at the pixels, enlarged, on one scale; None if there are none."""
    kernels = [v for v in model.trainable_variables if len(v.shape) == 4 and v.shape[2] == 3]
    if not kernels:
        return None
    kernel = np.asarray(kernels[0].numpy(), np.float32).transpose(3, 0, 1, 2)
    low, high = kernel.min(), kernel.max()
    scaled = (255 * (kernel - low) / max(high - low, 1e-12)).astype(np.uint8)
    tiles = [np.pad(tile, ((0, 1), (0, 1), (0, 0)), constant_values=255) for tile in scaled]
    columns = 2 ** ((len(tiles) - 1).bit_length() // 2 + 1)
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    return np.concatenate(rows).repeat(ENLARGED, 0).repeat(ENLARGED, 1)


def mistakes(probabilities: np.ndarray, images: Split, names) -> np.ndarray | None:
    """The wrong answers with the highest probabilities; None if there are none."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != images.labels)
    worst = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:SHOWN]
    if not len(worst):
        return None
    captions = [
        f"is {names[true]}\nsaid {names[answer]} {share:.0%}"
        for true, answer, share in zip(
            images.labels[worst], predicted[worst], probabilities[worst].max(axis=1), strict=True
        )
    ]
    return image_grid(images.images[worst], captions)


def activation_maps(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """What an image, uint8 (height, width, 3), becomes on its way: the strongest maps of a stage.

    A row for the first layer and for the last layer of each resolution.
    """
    layers = _last_of_each_size(model)
    stages = keras.Model(model.inputs, [layer.output for layer in layers])
    outputs = stages(tf.constant(image[None]), training=False)
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    shown, captions = [image], ["image"]
    for layer, output in zip(layers, outputs, strict=True):
        maps = tf.cast(output[0], tf.float32).numpy()
        room = COLUMNS - len(shown) % COLUMNS  # the first row holds the image, too
        strongest = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[:room]
        shown += [heat(maps[..., channel]) for channel in strongest]
        name = f"{layer.name}, {maps.shape[0]} x {maps.shape[1]}"
        captions += [name] + [""] * (len(strongest) - 1)
    return image_grid(shown, captions)


def _last_of_each_size(model):
    spatial = [
        layer
        for layer in model.layers
        if not isinstance(layer, _NO_MAPS) and len(layer.output.shape) == 4
    ]
    last = {layer.output.shape[1:3]: layer for layer in spatial}
    return [spatial[0], *(layer for layer in last.values() if layer is not spatial[0])]
