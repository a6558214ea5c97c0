"""Random weights of Keras Applications, copied into ours, give the same outputs."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfresnet
from tfresnet.models.resnet import NETWORKS

SHAPE = (64, 64, 3)
# Ours to Keras Applications' names inside a unit.
CHILDREN = {"conv1": "1", "conv2": "2", "conv3": "3", "shortcut_conv": "0"}
CHILDREN |= {"bn1": "1", "bn2": "2", "bn3": "3", "shortcut_bn": "0"}


def randomise(model):
    """Random statistics, scales and biases too, so that no term of the formulas is trivial."""
    random = np.random.default_rng(3)
    for variable in model.variables:
        if len(variable.shape) == 1:
            variable.assign(random.uniform(0.7, 1.3, variable.shape))


def theirs_for(path):
    """Layer name in Keras Applications for the parent path of one of our variables."""
    if path.startswith("conv1/"):
        return "conv1_" + path.split("/")[1]
    if path == "predictions":
        return path
    unit, child = path.split("/")
    return f"{unit}_{CHILDREN[child]}_{'bn' if 'bn' in child else 'conv'}"


def copy_weights(source, target):
    """Copies by name. The convolutions of Keras Applications have a bias before batch
    normalisation; a mean shifted by it does the same."""
    for variable in target.variables:
        parent, kind = variable.path.rsplit("/", 1)
        name = theirs_for(parent)
        value = np.array(getattr(source.get_layer(name), kind))
        if kind == "moving_mean":
            value = value - np.array(source.get_layer(re.sub("bn$", "conv", name)).bias)
        variable.assign(value)


@pytest.mark.parametrize(
    "name",
    [
        "resnet50",
        pytest.param("resnet101", marks=pytest.mark.slow),
        pytest.param("resnet152", marks=pytest.mark.slow),
    ],
)
def test_same_outputs_as_keras_applications(name):
    keras.utils.set_random_seed(1)
    builder = getattr(keras.applications, name.replace("resnet", "ResNet"))
    theirs = builder(weights=None, input_shape=SHAPE, classes=10, classifier_activation=None)
    randomise(theirs)
    ours = tfresnet.create_model(name, num_classes=10, input_shape=SHAPE, stem="imagenet")
    copy_weights(theirs, ours)
    # In deep stacks the activations grow; the tolerance is relative to their size.
    x = tf.random.stateless_normal((4, *SHAPE), (1, 2))
    for training in (False, True):
        expected = theirs(x, training=training).numpy()
        got = ours(x, training=training).numpy()
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_counts_differ_from_keras_applications_by_the_biases_alone():
    theirs = keras.applications.ResNet50(weights=None).count_params()
    ours = tfresnet.create_model("resnet50").count_params()
    units, filters = NETWORKS["resnet50"].units, NETWORKS["resnet50"].filters
    biases = 64 + sum(n * 6 * f + 4 * f for n, f in zip(units, filters, strict=True))
    assert theirs - ours == biases
