"""The training step against its formulas, and what it tells of itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet.layers import ConvBN
from tfresnet.training.optimizer import SGD
from tfresnet.training.step import AUXILIARY_WEIGHT, TrainStep, cross_entropy

BATCH, CLASSES = 8, 3


def build(policy="float32", auxiliary=False, **kwargs):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    x = ConvBN(4, 3, name="conv1", dtype=policy)(inputs)
    x = keras.layers.GlobalAveragePooling2D(dtype=policy)(x)
    outputs = [keras.layers.Dense(CLASSES, name="predictions", dtype="float32")(x)]
    if auxiliary:
        outputs.append(keras.layers.Dense(CLASSES, name="further", dtype="float32")(x))
    network = keras.Model(inputs, outputs)
    settings = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "l2": 1e-3}
    settings["scaled"] = policy == "mixed_float16"
    optimizer = SGD(network.trainable_variables, **settings)
    return TrainStep(network, optimizer, label_smoothing=0.0, **kwargs)


@pytest.fixture
def batch():
    random = np.random.default_rng(0)
    images = random.normal(size=(BATCH, 6, 6, 3)).astype(np.float32)
    return tf.constant(images), tf.constant(random.integers(0, CLASSES, BATCH, np.int32))


def losses_and_gradients(step, images, labels):
    with tf.GradientTape() as tape:
        logits = tf.nest.flatten(step.network(images, training=True))
        losses = [cross_entropy(labels, one) for one in logits]
    gradients = tape.gradient(losses[0], step.network.trainable_weights)
    return [float(loss) for loss in losses], [g.numpy() for g in gradients if g is not None]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_what_is_measured_is_what_happened(policy, batch):
    step = build(policy, keep_gradients=True)
    (loss,), gradients = losses_and_gradients(step, *batch)
    before = [np.array(v) for v in step.network.trainable_variables]
    measured = step(*batch, 0.5, observe=True)
    after = [np.array(v) for v in step.network.trainable_variables]
    kernels = [i for i, v in enumerate(before) if v.ndim > 1]
    tolerance = 1e-3 if policy == "float32" else 0.05
    np.testing.assert_allclose(measured.loss, loss, rtol=tolerance)
    squares = [np.sum(np.square(g)) for g in gradients]
    np.testing.assert_allclose(measured.gradients, squares, rtol=tolerance, atol=1e-6)
    for kept, gradient in zip(step.gradients, gradients, strict=True):
        np.testing.assert_allclose(kept.reshape(gradient.shape), gradient, rtol=0.1, atol=0.02)
    sizes = [np.sum(before[i] ** 2) for i in kernels]
    np.testing.assert_allclose(measured.kernels, sizes, rtol=1e-5)
    changes = [np.sum((after[i] - before[i]) ** 2) for i in kernels]
    np.testing.assert_allclose(measured.changes, changes, rtol=1e-4)


def test_auxiliary_loss_is_told_apart(batch):
    step = build(auxiliary=True)
    (first, second), _ = losses_and_gradients(step, *batch)
    measured = step(*batch, 1.0)
    assert measured.loss == pytest.approx(first, rel=1e-5)
    assert measured.auxiliary == pytest.approx(AUXILIARY_WEIGHT * second, rel=1e-5)


def test_right_answers_are_counted(batch):
    step = build()
    logits = step.network(batch[0], training=True).numpy()
    measured = step(*batch, 1.0)
    assert measured.top1 == np.sum(logits.argmax(axis=1) == batch[1].numpy())
    assert measured.top5 == BATCH


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_observing_changes_no_bit(policy, batch):
    def weights(every):
        step = build(policy, keep_gradients=every > 0)
        for number in range(6):
            step(*batch, 1.0, observe=every > 0 and number % every == 0)
        return [np.asarray(v) for v in (*step.network.variables, *step.optimizer.variables)]

    for plain, observed in zip(weights(0), weights(2), strict=True):
        np.testing.assert_array_equal(plain, observed)


def test_nothing_is_measured_unasked(batch):
    measured = build()(*batch, 1.0)
    assert measured.gradients.size == measured.kernels.size == measured.changes.size == 0


def test_a_step_that_overflows_is_left_out_and_lowers_the_scale(batch):
    step = build("mixed_float16")
    images, labels = batch
    before = [np.array(v) for v in step.network.trainable_variables]
    scale = float(step.optimizer.scale)
    step.optimizer.scale.assign(1e30)
    step(images, labels, 1.0)
    for variable, value in zip(step.network.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert float(step.optimizer.scale) == pytest.approx(0.5e30)
    step.optimizer.scale.assign(scale)
    step(images, labels, 1.0)
    assert not np.array_equal(step.network.trainable_variables[0], before[0])


def test_two_observed_steps_are_one_graph(batch):
    step = build()
    for observe in (False, True, False):
        step(*batch, 1.0, observe)
    assert step._graph.experimental_get_tracing_count() == 1
    assert len(step.graph.get_operations()) > 50


def test_class_weights_are_those_of_keras():
    logits = tf.random.stateless_normal((6, 4), (1, 2)) * 5
    labels, weights = tf.constant([0, 3, 1, 2, 2, 0]), np.array([0.5, 2.0, 1.0, 4.0])
    reference = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = float(reference(labels, logits, sample_weight=weights[labels.numpy()]))
    found = float(cross_entropy(labels, logits, 0.0, weights))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_that_of_keras_on_one_hot_labels(smoothing):
    logits = tf.random.stateless_normal((6, 4), (1, 2)) * 5
    labels = tf.constant([0, 3, 1, 2, 2, 0])
    reference = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    expected = float(reference(tf.one_hot(labels, 4), logits))
    assert float(cross_entropy(labels, logits, smoothing)) == pytest.approx(expected, rel=1e-6)
    assert cross_entropy(labels, tf.cast(logits, tf.bfloat16)).dtype == tf.float32
