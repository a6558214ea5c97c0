"""The inference copy of every network gives the same answers, with nothing left to normalise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.layers import BatchNormalization, OwnLayer, Preprocessing

# Deep networks have the units of the others.
QUICK = ("resnet20", "resnet18d", "nin", "inception3", "alexnet")
NAMES = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in models.list_models()
    if name not in ("resnet1202", "wrn28_10")
]


def with_random_statistics(name, **options):
    keras.utils.set_random_seed(1)
    model = models.create_model(name, num_classes=10, input_shape=(32, 32, 3), **options)
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name in ("moving_mean", "beta"):
            weight.assign(random.normal(scale=0.2, size=weight.shape))
        if weight.name in ("moving_variance", "gamma"):
            weight.assign(random.uniform(0.5, 1.5, size=weight.shape))
    return model


def relative_error(a, b):
    return float(tf.reduce_max(tf.abs(a - b)) / tf.reduce_max(tf.abs(a)))


@pytest.mark.parametrize("name", NAMES)
def test_same_outputs(name):
    model = with_random_statistics(name)
    before = [w.copy() for w in model.get_weights()]
    copy = models.inference_copy(model)
    images = tf.random.stateless_normal((4, 32, 32, 3), (1, 2))
    assert relative_error(model(images), copy(images)) < 1e-4
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["resnet20", "inception3"])
def test_every_normalisation_after_a_convolution_is_folded(name):
    copy = models.inference_copy(with_random_statistics(name))
    normalisations = [n for n in copy._flatten_layers() if isinstance(n, BatchNormalization)]
    assert all(n._folded for n in normalisations)


@pytest.mark.parametrize("name", ["resnet20", "alexnet", "inception3"])
def test_low_precision_up_to_the_classifier(name):
    model = with_random_statistics(name)
    copy = models.inference_copy(model, "mixed_bfloat16")
    images = tf.random.stateless_normal((4, 32, 32, 3), (1, 2))
    assert {layer.name for layer in copy.layers if layer.compute_dtype == "float32"} <= {
        *("images", "avg_pool", "dropout", "dropout2", "predictions")
    }
    assert copy(images).dtype == tf.float32
    assert 0 < relative_error(model(images), copy(images)) < 0.05


@pytest.mark.parametrize("name", ["resnet20", "alexnet"])
def test_a_model_of_bfloat16_can_be_evaluated_in_float32(name):
    pixels = Preprocessing((0.5,) * 3, (0.25,) * 3)
    low = with_random_statistics(name, dtype="mixed_bfloat16", preprocessing=pixels)
    high = models.inference_copy(low, "float32")
    assert {layer.compute_dtype for layer in high.layers} == {"float32"}
    images = tf.random.stateless_uniform((4, 32, 32, 3), (1, 2), 0, 255)
    assert 0 < relative_error(low(images), high(images)) < 0.05


@pytest.mark.parametrize("name", ["resnet20", pytest.param("googlenet", marks=pytest.mark.slow)])
def test_refolding_follows_the_model(name):
    auxiliary = {"auxiliary": True} if models.has_auxiliary(name) else {}
    model = with_random_statistics(name, **auxiliary)
    copy = models.inference_copy(model)
    run = tf.function(copy)
    images = tf.random.stateless_normal((4, 32, 32, 3), (1, 2))
    run(images)
    for weight in model.weights:
        weight.assign(weight * 1.1)
    models.refold(copy, model)
    assert relative_error(models.without_auxiliary(model)(images), run(images)) < 1e-4


def test_a_model_that_is_not_functional_stays_as_it_is():
    class Own(keras.Model):
        def call(self, x):
            return x

    model = Own()
    assert models.inference_copy(model) is model


def test_a_network_that_only_its_own_code_can_make_stays_as_it_is():
    inside = with_random_statistics("resnet8")  # with units of ours, which elsewhere are folded
    images = keras.Input((32, 32, 3))
    model = keras.Model(images, OwnLayer(inside, {}, dtype="float32")(images))
    for dtype in (None, "float32"):
        assert models.inference_copy(model, dtype) is model
    with pytest.raises(InputError, match=r"must compute in float32.* Received: mixed_bfloat16"):
        models.inference_copy(model, "mixed_bfloat16")
