"""What a user's keras.json says about images and numbers changes no network that says it itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet import models

# More than 50 layers are units of the others.
DEEP = ("101", "152", "56", "110", "1202")
NAMES = [
    name if name == "resnet20" else pytest.param(name, marks=pytest.mark.slow)
    for name in models.list_models()
    if not any(depth in name for depth in DEEP)
]


def logits(name, **options):
    keras.utils.set_random_seed(0)
    model = models.create_model(name, num_classes=10, input_shape=(32, 32, 3), **options)
    images = tf.random.stateless_normal((2, 32, 32, 3), (1, 2))
    return model(images), models.inference_copy(model)(images)


@pytest.fixture(params=["float16", "float64"])
def ambient(request):
    """Sets the two settings when it is called; a session that read them has no policy yet."""
    policy = keras.config.dtype_policy()

    def enter():
        keras.config.set_image_data_format("channels_first")
        keras.config.set_floatx(request.param)
        keras.config.set_dtype_policy(request.param)

    yield enter
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_the_same_under_other_settings_of_keras(name, ambient):
    expected = logits(name)
    ambient()
    for a, b in zip(logits(name, dtype="float32"), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert logits(name)[0].dtype == tf.float32  # the rest is of the policy of these settings
