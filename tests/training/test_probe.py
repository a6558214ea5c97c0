"""The probe reads what the step computes and changes nothing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet.layers import ConvBN
from tfresnet.training.losses import CrossEntropy
from tfresnet.training.optimizer import SGD
from tfresnet.training.probe import PredictionLog, StepProbe
from tfresnet.training.schedules import WarmupSchedule
from tfresnet.training.step import TrainingModel
from tfresnet.training.tensorboard.steps import StepCharts

BATCH, CLASSES = 8, 3


def build(policy="float32", jit=False, auxiliary=False, scaled=False):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    x = ConvBN(4, 3, name="conv1", dtype=policy)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = [keras.layers.Dense(CLASSES, name="predictions", dtype="float32")(x)]
    if auxiliary:
        outputs.append(keras.layers.Dense(CLASSES, name="further", dtype="float32")(x))
    model = TrainingModel(keras.Model(inputs, outputs))
    optimizer = SGD(WarmupSchedule(0.1, 0, 100, "constant"), momentum=0.9, l2=1e-3)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)
    metrics = [keras.metrics.SparseCategoricalAccuracy(name="top1")]
    model.compile(optimizer, CrossEntropy(), metrics=metrics, jit_compile=jit)
    optimizer.build(model.trainable_variables)
    return model


def attached(model, **kwargs):
    probe = StepProbe(model.trainable_variables, **kwargs)
    probe.attach(model)
    return probe


@pytest.fixture
def batch():
    random = np.random.default_rng(0)
    images = random.normal(size=(BATCH, 6, 6, 3)).astype(np.float32)
    return tf.constant(images), tf.constant(random.integers(0, CLASSES, BATCH))


def gradients_of(model, images, labels):
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        first = logits[0] if isinstance(logits, list) else logits
        loss = model.loss(labels, first)
    return float(loss), [g.numpy() for g in tape.gradient(loss, model.trainable_weights)]


@pytest.mark.parametrize(
    "options",
    [{}, {"policy": "mixed_bfloat16"}, {"policy": "mixed_float16", "scaled": True}, {"jit": True}],
    ids=["float32", "bfloat16", "float16", "xla"],
)
def test_norms_and_losses_are_those_of_the_step(options, batch):
    model, images_labels = build(**options), batch
    probe = attached(model, keep_gradients=True)
    loss, gradients = gradients_of(model, *images_labels)
    probe.due.assign(True)
    model.train_on_batch(*images_labels)
    tolerance = 0.05 if "policy" in options else 1e-3
    squares = [np.sum(np.square(g)) for g in gradients]
    np.testing.assert_allclose(probe.squares, squares, rtol=tolerance, atol=1e-6)
    for kept, gradient in zip(probe.gradients, gradients, strict=True):
        np.testing.assert_allclose(kept, gradient, rtol=tolerance, atol=0.02)
    np.testing.assert_allclose(probe.losses[0], loss, rtol=tolerance)
    assert (float(probe.arrived) > 0) == (not options.get("jit"))


def test_auxiliary_loss_is_told_apart(batch):
    model = build(auxiliary=True)
    probe = attached(model)
    images, labels = batch
    first, second = (model.loss(labels, y) for y in model(images, training=True))
    model.train_on_batch(images, labels)
    np.testing.assert_allclose(probe.losses, [first, model.auxiliary_weight * second], rtol=1e-4)


def test_nothing_is_recorded_unless_due(batch):
    model = build()
    probe = attached(model)
    model.train_on_batch(*batch)
    assert not np.any(probe.squares)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_training_is_the_same_bit_for_bit(policy, batch):
    def weights(with_probe):
        model = build(policy)
        if with_probe:
            probe = attached(model, keep_gradients=True)
            model.predictions = PredictionLog(BATCH, CLASSES)
        for step in range(6):
            if with_probe:
                probe.due.assign(step % 2 == 0)
            model.train_on_batch(*batch)
        model.evaluate(*batch, verbose=0)
        return [np.asarray(v) for v in (*model.variables, *model.optimizer.variables)]

    for plain, probed in zip(weights(False), weights(True), strict=True):
        np.testing.assert_array_equal(plain, probed)


def test_a_probe_adds_nothing_to_what_is_saved(batch):
    model = build()
    names = {v.path for v in model.variables}, {v.path for v in model.optimizer.variables}
    attached(model, keep_gradients=True)
    model.predictions = PredictionLog(BATCH, CLASSES)
    model.train_on_batch(*batch)
    assert {v.path for v in model.optimizer.variables} == names[1]
    added = {v.path for v in model.variables} - names[0]
    assert all(path.startswith(("loss/", "top1/")) for path in added), added


def test_predictions_of_a_whole_validation_are_kept_in_order(batch):
    model, (images, labels) = build(), batch
    model.predictions = log = PredictionLog(BATCH, CLASSES)
    assert log.read() is None
    for _ in range(2):
        log.clear()
        model.evaluate(images, labels, batch_size=3, verbose=0)
        np.testing.assert_allclose(log.read(), model.predict(images, verbose=0), atol=1e-5)


def test_points_tell_loss_norm_and_ratio_of_the_step(batch, tmp_path):
    model = build()
    probe = attached(model)
    charts = StepCharts(model, probe, BATCH, every=2)
    writer = tf.summary.create_file_writer(str(tmp_path))
    for step in (1, 2):
        charts.before_step(step)
        if step == 2:
            before = [np.array(v) for v in model.trainable_variables]
            loss, gradients = gradients_of(model, *batch)
        model.train_on_batch(*batch)
        assert charts.after_step(step) == (step == 2)
    with writer.as_default():
        charts.write(2, last_save=0.5)
    writer.close()
    (path,) = tmp_path.glob("events*")
    records = (r.numpy() for r in tf.data.TFRecordDataset(str(path)))
    events = [tf.compat.v1.Event.FromString(r) for r in records]
    point = {v.tag: tf.make_ndarray(v.tensor) for e in events for v in e.summary.value}
    assert {e.step for e in events if e.summary.value} == {2}
    after = [np.array(v) for v in model.trainable_variables]
    kernel, dense = (i for i, v in enumerate(before) if v.ndim > 1)
    for stage, i in (("conv1", kernel), ("predictions", dense)):
        wanted = np.linalg.norm(after[i] - before[i]) / np.linalg.norm(before[i])
        np.testing.assert_allclose(point[f"update_ratio/{stage}"], wanted, rtol=1e-4)
    np.testing.assert_allclose(point["loss_parts/data"], loss, rtol=1e-4)
    decay = 1e-3 / 2 * sum(np.sum(before[i] ** 2) for i in (kernel, dense))
    np.testing.assert_allclose(point["loss_parts/decay"], decay, rtol=1e-4)
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    np.testing.assert_allclose(point["gradient_norm/all"], norm, rtol=1e-3)
    assert point["time/checkpoint"] == 500
    assert "update_ratio/all" not in point
