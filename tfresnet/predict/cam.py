"""Class activation maps: where in the picture the evidence for a class is."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.layers.recorder import feature_maps, record_calls

_OPACITY = 0.5
_LEGIBLE = 320  # pixels; a smaller picture is shown larger
_GAP = 16  # pixels


def activation_map(model: keras.Model, picture: np.ndarray, class_index: int) -> np.ndarray:
    """The evidence for a class at each place of a picture, by Grad-CAM.

    With global average pooling and one dense layer at the end, this is the class activation map.

    The picture is uint8 `(height, width, 3)`, the map float32 `(height, width)` from 0 to 1.

    Raises:
        InputError: the network has no feature maps.

    Source: Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391; Zhou et al., 2016,
    https://arxiv.org/abs/1512.04150.
    """
    model = models.without_auxiliary(model)
    pixels = tf.constant(picture[None], tf.float32)
    with tf.GradientTape() as tape, record_calls() as calls:
        tape.watch(pixels)
        score = model(pixels, training=False)[0, class_index]
    maps = [*feature_maps(calls)]
    if not any(call.layer.weights for call in maps):
        raise InputError(f"a map needs a network with feature maps. Received: {model.name}")
    features = maps[-1].output
    gradient = tape.gradient(score, features)
    weights = tf.reduce_mean(tf.cast(gradient, tf.float32), axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * tf.cast(features, tf.float32), axis=-1))
    heat = tf.image.resize(heat[..., None], picture.shape[:2])[0, :, :, 0].numpy()
    return heat / (heat.max() or 1.0)


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Colours the picture (uint8) from blue where `heat` is 0 to red where it is 1."""
    mixed = (1 - _OPACITY) * picture + _OPACITY * _colours(heat)
    return mixed.round().astype(np.uint8)


def _colours(heat):
    return 255 * np.stack([heat, 1 - np.abs(2 * heat - 1), 1 - heat], axis=-1)


def side_by_side(picture: Image.Image, heat: np.ndarray, box: tuple[float, ...]) -> Image.Image:
    """The picture, the same with the map over the part in `box`, and a bar of the map's colours."""
    scale = max(1, _LEGIBLE // max(picture.size))
    picture = picture.resize([scale * length for length in picture.size], Image.Resampling.NEAREST)
    left, top, right, bottom = (round(scale * place) for place in box)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    coloured = np.array(picture)
    size = right - left, bottom - top
    large = np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BILINEAR)).clip(0, 1)
    coloured[top:bottom, left:right] = overlay(coloured[top:bottom, left:right], large)

    width, height = picture.size
    page = Image.new("RGB", (2 * width + 6 * _GAP, max(height, 4 * _GAP)), "white")
    page.paste(picture, (0, 0))
    page.paste(Image.fromarray(coloured), (width + _GAP, 0))
    levels = np.linspace(1, 0, page.height)[:, None].repeat(_GAP, axis=1)
    bar = 2 * width + 2 * _GAP
    page.paste(Image.fromarray(_colours(levels).round().astype(np.uint8)), (bar, 0))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(_GAP)
    draw.text((bar + 1.5 * _GAP, 0), "1", "black", font, "lt")
    draw.text((bar + 1.5 * _GAP, page.height), "0", "black", font, "lb")
    return page


def write_picture(path: str | Path, picture: Image.Image) -> None:
    """Raises `InputError` if the file cannot be written or its suffix is no picture format."""
    try:
        picture.save(path)
    except (OSError, ValueError) as error:
        raise InputError(f"--cam must be a picture file ({error}). Received: {path}") from None
