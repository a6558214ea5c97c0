"""The fused batch normalisation against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet.layers import BatchNormalization, Conv2D

SHAPE = (8, 6, 6, 5)
SHAPES = [SHAPE, (32, 5), (8, 7, 5), (4, 3, 3, 2, 5)]


def pair(shape=SHAPE, **options):
    """Ours and Keras' layer with the same random weights."""
    options = {"momentum": 0.9, "epsilon": 1e-5} | options
    ours, theirs = BatchNormalization(**options), keras.layers.BatchNormalization(**options)
    random = np.random.default_rng(1)
    for layer in (ours, theirs):
        layer.build(shape)
    weights = [random.uniform(0.5, 2, w.shape) for w in theirs.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def images(shape=SHAPE):
    return tf.random.stateless_normal(shape, (3, 4)) * 2 + 1


def outputs_and_gradients(layer, x, training):
    seed = tf.random.stateless_normal(x.shape, (5, 6))
    variables = [v for v in (layer.gamma, layer.beta) if v is not None]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) * seed)
    return [y, *tape.gradient(loss, [x, *variables])]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("shape", "options"),
    [*((shape, {}) for shape in SHAPES), (SHAPE, {"scale": False}), (SHAPE, {"center": False})],
)
def test_same_numbers_forward_and_backward(training, shape, options):
    ours, theirs = pair(shape, **options)
    for a, b in zip(
        outputs_and_gradients(ours, images(shape), training),
        outputs_and_gradients(theirs, images(shape), training),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_moving_statistics_take_the_unbiased_variance(shape):
    ours, theirs = pair(shape)
    old = ours.moving_variance.numpy()
    ours(images(shape), training=True)
    theirs(images(shape), training=True)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-6)
    values = images(shape).numpy().reshape(-1, shape[-1])
    expected = 0.9 * old + 0.1 * values.var(axis=0, ddof=1)
    np.testing.assert_allclose(ours.moving_variance, expected, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}])
def test_folding_leaves_the_outputs(options):
    conv, (bn, _) = Conv2D(5, 3), pair(**options)
    expected = bn(conv(images()), training=False)
    bn.fold_into(conv)
    np.testing.assert_allclose(bn(conv(images()), training=False), expected, rtol=1e-4, atol=1e-4)


def test_frozen_layer_normalises_with_moving_statistics_and_keeps_them():
    ours, theirs = pair()
    ours.trainable = theirs.trainable = False
    before = ours.get_weights()
    for a, b in zip(
        outputs_and_gradients(ours, images(), True),
        outputs_and_gradients(theirs, images(), True),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    for a, b in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("shape", "options"),
    [((4, 5, 6, 6), {"axis": 1}), (SHAPE, {"dtype": "float64"})],
)
def test_what_the_kernel_cannot_serve_goes_to_keras(shape, options):
    ours, theirs = (
        BatchNormalization(**options),
        keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, **options),
    )
    x = tf.random.stateless_normal(shape, (1, 2))
    np.testing.assert_array_equal(ours(x, training=True), theirs(x, training=True))
    np.testing.assert_array_equal(ours.moving_variance, theirs.moving_variance)


def test_mask_goes_to_keras():
    ours, theirs = pair()
    mask = tf.constant(np.random.default_rng(0).random(SHAPE[:3]) > 0.5)
    np.testing.assert_array_equal(
        ours(images(), training=True, mask=mask), theirs(images(), training=True, mask=mask)
    )


def test_configuration_weights_and_names_are_those_of_keras():
    ours, theirs = BatchNormalization(name="bn"), keras.layers.BatchNormalization(name="bn")
    ours.build(SHAPE)
    theirs.build(SHAPE)
    assert ours.get_config().keys() == theirs.get_config().keys()
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    assert (ours.momentum, ours.epsilon) == (0.9, 1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_statistics_in_float32(policy):
    layer = BatchNormalization(dtype=policy)
    y = layer(images(), training=True)
    assert y.dtype == layer.compute_dtype
    assert layer.moving_mean.dtype == "float32"
    expected = 0.1 * images().numpy().mean(axis=(0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean, expected, atol=2e-3)


def test_runs_compiled_by_xla():
    ours, theirs = pair()
    compiled = tf.function(lambda x: ours(x, training=True), jit_compile=True)
    np.testing.assert_allclose(compiled(images()), theirs(images(), training=True), atol=1e-5)
