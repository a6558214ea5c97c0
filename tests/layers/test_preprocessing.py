"""Pixels become what the networks are trained on, and a model's file says how."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, 8, 6, 3), "uint8")


def normalised(pixels):
    """One product and one sum in float32, with constants that are exact to the last bit."""
    scale = (1 / (255 * np.array(STD))).astype("float32")
    offset = (-np.array(MEAN) / np.array(STD)).astype("float32")
    return pixels.astype("float32") * scale + offset


@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_any_kind_of_pixels_gives_the_same_bits(pixels, dtype, policy):
    layer = Preprocessing(MEAN, STD, dtype=policy)
    got = layer(tf.cast(pixels, dtype))
    assert got.dtype == tf.float32
    np.testing.assert_array_equal(got, normalised(pixels))
    np.testing.assert_allclose(got, (pixels / 255 - MEAN) / STD, atol=1e-6)


def test_open_sides_give_the_same_bits(pixels):
    images = keras.Input((None, None, 3))
    model = keras.Model(images, Preprocessing(MEAN, STD)(images))
    np.testing.assert_array_equal(model(pixels), normalised(pixels))


def test_a_saved_model_keeps_names_and_numbers(pixels, tmp_path):
    images = keras.Input((8, 6, 3))
    layer = Preprocessing(MEAN, STD, ("a", "b"))
    keras.Model(images, layer(images)).save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True).layers[-1]
    assert again.get_config() == layer.get_config()
    assert (again.mean, again.std, again.class_names) == (MEAN, STD, ("a", "b"))
    np.testing.assert_array_equal(again(pixels), layer(pixels))


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((0.5,), (0.5, 0.5), r"number for each channel. Received: \(0.5,\)"),
        ((), (), "number for each channel"),
        ((0.5,), (0.0,), "std above 0"),
        ((0.5, float("nan")), (1, 1), "must be finite"),
        ((0.5,), (0.5,), "must have 1 channels.* Received: 3"),
    ],
)
def test_bad_arguments_are_named(pixels, mean, std, message):
    with pytest.raises(InputError, match=message):
        Preprocessing(mean, std)(pixels)
