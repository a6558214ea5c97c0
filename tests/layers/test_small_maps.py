"""The faster weight gradient of small maps: the same numbers, and only where it can serve."""

import numpy as np
import pytest
import tensorflow as tf

from tfresnet.layers import Conv2D, small_maps


def gradients(convolve, x, kernel):
    with tf.GradientTape() as tape:
        tape.watch((x, kernel))
        y = convolve(x, kernel)
        loss = tf.reduce_sum(tf.sin(y))
    return y, *tape.gradient(loss, (x, kernel))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("side", "kernel_size"), [(4, (3, 3)), (8, (3, 3)), (4, (1, 1)), (6, (1, 7)), (5, (5, 3))]
)
def test_output_and_gradients_are_those_of_the_library(side, kernel_size, dtype):
    x = tf.random.stateless_normal((6, side, side, 5), (1, 2))
    kernel = tf.random.stateless_normal((*kernel_size, 5, 7), (3, 4)) / 6
    assert small_maps.serves(x, kernel)
    usual = gradients(lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"), x, kernel)
    fast = gradients(small_maps.conv2d, tf.cast(x, dtype), tf.cast(kernel, dtype))
    tolerance = 1e-5 if dtype == "float32" else 0.06
    for expected, got in zip(usual, fast, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(got.numpy().astype("float32"), expected, atol=tolerance * scale)


def test_second_derivatives_exist():
    x = tf.random.stateless_normal((2, 4, 4, 3), (1, 2))
    kernel = tf.random.stateless_normal((3, 3, 3, 3), (3, 4))

    def squared_norm(convolve):
        with tf.GradientTape() as outer:
            outer.watch(kernel)
            gradient = gradients(convolve, x, kernel)[2]
            loss = tf.reduce_sum(gradient**2)
        return outer.gradient(loss, kernel)

    usual = squared_norm(lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"))
    np.testing.assert_allclose(squared_norm(small_maps.conv2d), usual, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ("shape", "kernel", "why"),
    [
        ((2, 16, 16, 4), (3, 3, 4, 4), "large map"),
        ((2, 8, 8, 4), (1, 1, 4, 4), "large map for 1x1"),
        ((2, 8, 8, 4), (2, 2, 4, 4), "even kernel"),
        ((2, 8, 8, 4), (3, 3, 2, 4), "groups"),
    ],
)
def test_leaves_the_rest_to_the_library(shape, kernel, why):
    assert not small_maps.serves(tf.zeros(shape), tf.zeros(kernel)), why


def test_leaves_open_sizes_and_gpus_to_the_library(monkeypatch):
    class Open:
        shape = (None, None, None, 4)

    kernel = tf.zeros((3, 3, 4, 4))
    assert not small_maps.serves(Open, kernel)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    assert not small_maps.serves(tf.zeros((2, 4, 4, 4)), kernel)


def test_layer_gives_the_same_gradients_on_small_maps(monkeypatch):
    layer, x = Conv2D(6, 3), tf.random.stateless_normal((4, 8, 8, 5), (1, 2))
    layer.build(x.shape)

    def kernel_gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, layer.kernel.value)

    fast = kernel_gradient()
    monkeypatch.setattr(small_maps, "serves", lambda *_: False)
    np.testing.assert_allclose(fast, kernel_gradient(), rtol=1e-4, atol=1e-3)
