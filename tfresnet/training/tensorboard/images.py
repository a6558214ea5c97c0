"""The Images page, drawn with Pillow, which is ten times as fast as matplotlib here."""

import functools

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont, ImageOps

from tfresnet.data import train_batches
from tfresnet.data.dataset import Dataset, Split
from tfresnet.layers.recorder import feature_maps, record_calls

MOST_CLASSES = 50  # a larger matrix cannot be read
VARIED = 8  # images shown with and without augmentation
SHOWN = 16  # mistakes
COLUMNS = 4  # TensorBoard shrinks wider pictures (above 350 pixels) until nobody can read them
TILE, GAP, LINE = 96, 6, 13  # pixels: longer side of an image, space between two, line of text
_NEAREST = Image.Resampling.NEAREST


def augmentation(
    dataset: Dataset, seed: int, augment: bool, padding_mode: str = "constant"
) -> np.ndarray:
    """Images of the data set, each with its augmented form in the first epoch on its right."""
    few = dataset.train.take(np.arange(min(VARIED, len(dataset.train))))
    same = {"seed": seed, "flip": dataset.flip, "padding_mode": padding_mode}
    (before, labels), (after, _) = (
        next(iter(train_batches(few, batch_size=len(few), augment=varied, **same)))
        for varied in (False, augment)
    )
    both = np.stack([before, after], axis=1).reshape(-1, *dataset.image_shape)
    forms = "on the disk", "augmented" if augment else "as trained"
    names = (dataset.class_names[label] for label in labels.numpy())
    return image_grid(
        both.astype(np.uint8), [f"{name}\n{form}" for name in names for form in forms]
    )


def first_filters(model: keras.Model) -> np.ndarray | None:
    """The kernels of the first convolution, enlarged, on one scale; None without one."""
    kernels = [v for v in model.weights if len(v.shape) == 4 and v.shape[2] == 3]
    if not kernels:
        return None
    filters = _to_uint8(np.asarray(kernels[0], np.float32).transpose(3, 0, 1, 2))
    framed = np.pad(filters, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
    return tile_images(framed, columns=8).repeat(16, 0).repeat(16, 1)


def mistakes(probabilities: np.ndarray, images: Split, names) -> np.ndarray | None:
    """The wrong answers with the highest probabilities; None without any."""
    answers, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != images.labels)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:SHOWN]
    captions = [
        f"is {names[images.labels[i]]}\nsaid {names[answers[i]]} {sure[i]:.0%}" for i in worst
    ]
    return image_grid(images.images[worst], captions) if captions else None


def activation_maps(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """For each resolution, the strongest activations for an image, uint8 (height, width, 3)."""
    with record_calls() as calls:
        model(tf.constant(image[None]), training=False)
    by_size = {call.output.shape[1:3]: call for call in feature_maps(calls) if call.layer.weights}
    shown, captions = [image], ["image"]
    for call in by_size.values():
        maps = tf.cast(call.output[0], tf.float32).numpy()
        room = COLUMNS - len(shown) % COLUMNS  # the image is in the first row
        strongest = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[:room]
        shown += [_heat(maps[..., channel]) for channel in strongest]
        captions += [f"{call.layer.name}\n{maps.shape[0]} x {maps.shape[1]}"]
        captions += [""] * (len(strongest) - 1)
    return image_grid(shown, captions)


def matrix(counts: np.ndarray, names) -> np.ndarray:
    """A confusion matrix: a row per true class, each cell coloured by its share of the row."""
    cell, margin = 34, 14 + 7 * max(len(name) for name in names)
    side = margin + cell * len(names)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cells = ImageOps.colorize(Image.fromarray(np.uint8(255 * share)), "white", "midnightblue")
    canvas = Image.new("RGB", (side, side), "white")
    canvas.paste(cells.resize((side - margin, side - margin), _NEAREST), (margin, margin))
    middle = margin + cell * (np.arange(len(names)) + 0.5)
    write = functools.partial(ImageDraw.Draw(canvas).text, font=_font())
    write((4, LINE), "true \\ predicted", "black", anchor="lm")
    for place, name in zip(middle, names, strict=True):
        write((margin - 5, place), name, "black", anchor="rm")
    for row, column in np.argwhere(counts):
        colour = "white" if share[row, column] > 0.5 else "black"
        write((middle[column], middle[row]), str(counts[row, column]), colour, anchor="mm")
    turned = canvas.transpose(Image.Transpose.ROTATE_270)  # to write the names above the columns
    write = functools.partial(ImageDraw.Draw(turned).text, font=_font())
    for place, name in zip(middle, names, strict=True):
        write((side - margin + 5, place), name, "black", anchor="lm")
    return np.asarray(turned.transpose(Image.Transpose.ROTATE_90))


def image_grid(images: list, captions: list[str]) -> np.ndarray:
    """One picture of uint8 images (height, width, 3), each below its caption of up to two lines."""
    height, width = TILE + 2 * LINE + GAP, TILE + GAP
    canvas = Image.new("RGB", (COLUMNS * width, -(-len(images) // COLUMNS) * height), "white")
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x, y = index % COLUMNS * width, index // COLUMNS * height
        ImageDraw.Draw(canvas).text((x, y), caption, "black", _font(), spacing=1)
        enlarged = ImageOps.contain(Image.fromarray(image), (TILE, TILE), _NEAREST)
        canvas.paste(enlarged, (x, y + 2 * LINE))
    return np.asarray(canvas)


def tile_images(images: np.ndarray, columns: int) -> np.ndarray:
    """One picture of images (n, height, width, 3), row by row; empty places are white."""
    n, height, width, channels = images.shape
    rows = -(-n // columns)
    canvas = np.full((rows * columns, height, width, channels), 255, np.uint8)
    canvas[:n] = images
    canvas = canvas.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return canvas.reshape(rows * height, columns * width, channels)


def _heat(values):
    """A map (height, width) in colours from dark to light, uint8 (height, width, 3)."""
    grey = Image.fromarray(_to_uint8(values))
    return np.asarray(ImageOps.colorize(grey, "black", "lightyellow", mid="crimson"))


def _to_uint8(values):
    """Scales values linearly to 0..255."""
    return np.uint8(255 * (values - values.min()) / max(np.ptp(values), 1e-12))


@functools.cache
def _font():
    return ImageFont.load_default(11)
