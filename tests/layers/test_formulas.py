"""The lecture's formulas of residual networks and of mlpconv, on our layers with random weights."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfresnet
from tfresnet.layers import Conv2D
from tfresnet.layers.residual import Unit

IMAGES = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)


def gap(found, expected):
    return float(tf.norm(found - expected) / tf.norm(expected))


@pytest.mark.parametrize(("name", "is_exact"), [("resnet110v2", True), ("resnet110", False)])
def test_the_last_map_is_the_first_plus_all_branches(name, is_exact):
    """x_L = x_0 + ΣF(x_i), and its gradient is 1 + ∂ΣF: exact where no ReLU follows the sum."""
    keras.utils.set_random_seed(0)
    model = tfresnet.create_model(name)
    layers = [layer for layer in model.layers if layer.name.startswith("conv3_block")]
    units = [layer for layer in layers[1:] if isinstance(layer, Unit)]  # those of equal shape
    first = x = keras.Model(model.input, units[0].input)(IMAGES)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(first)
        branches = 0.0
        for unit in units:
            branches += unit.parts(x, training=False)[0]
            x = unit(x, training=False)
    assert len(units) == 17
    weights = tf.random.stateless_normal(x.shape, (1, 2))
    total = tape.gradient(x, first, output_gradients=weights)
    of_branches = tape.gradient(branches, first, output_gradients=weights)
    gaps = gap(first + branches, x), gap(weights + of_branches, total)
    assert all(value < 1e-4 if is_exact else value > 0.1 for value in gaps), gaps


def test_three_units_are_eight_paths():
    """Of linear units: each path multiplies the branches that it takes, and the paths add up."""
    random = np.random.default_rng(0)
    branches = random.normal(size=(3, 4, 4))
    paths = [
        np.linalg.multi_dot([np.eye(4), *reversed(taken), np.eye(4)])
        for length in range(4)
        for taken in itertools.combinations(branches, length)
    ]
    assert len(paths) == 2**3
    one, two, three = (np.eye(4) + branch for branch in branches)
    np.testing.assert_allclose(sum(paths), three @ two @ one)


def test_an_mlpconv_is_one_dense_layer_at_each_position_and_a_1x1_convolution():
    x = tf.constant(IMAGES)
    convolution, dense = Conv2D(8, 1, use_bias=True), keras.layers.Dense(8)
    expected = convolution(x)
    dense.build(x.shape)
    dense.set_weights([np.squeeze(convolution.kernel), convolution.bias])
    np.testing.assert_allclose(dense(x), expected, rtol=1e-5, atol=1e-6)
    pixel = dense(x[:, 5, 7])  # the same layer on the channels of one position
    np.testing.assert_allclose(pixel, expected[:, 5, 7], rtol=1e-5, atol=1e-6)
