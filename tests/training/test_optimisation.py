"""Schedule, optimiser, loss and precision against their formulas."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet.errors import InputError
from tfresnet.training import precision
from tfresnet.training.losses import CrossEntropy
from tfresnet.training.optimizer import SGD
from tfresnet.training.schedules import WarmupSchedule


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        ("cosine", lambda t: 0.5 * (1 + math.cos(math.pi * (t - 20) / 80))),
        ("linear", lambda t: 1 - (t - 20) / 80),
        ("multistep", lambda t: 1.0 if t < 50 else 0.1 if t < 75 else 0.01),
        ("constant", lambda t: 1.0),
    ],
)
def test_schedule(course, expected):
    schedule = WarmupSchedule(0.4, warmup_steps=20, total_steps=100, course=course)
    for step in range(100):
        value = (step + 1) / 20 if step < 20 else expected(step)
        assert float(schedule(step)) == pytest.approx(0.4 * value, rel=1e-5, abs=1e-7)
    again = WarmupSchedule.from_config(schedule.get_config())
    assert float(again(33)) == float(schedule(33))


def test_schedule_without_warm_up_starts_at_the_peak():
    assert float(WarmupSchedule(0.4, 0, 10)(0)) == pytest.approx(0.4)


def test_unknown_course():
    with pytest.raises(InputError, match="course must be one of"):
        WarmupSchedule(0.1, 0, 10, course="zigzag")


@pytest.mark.parametrize("nesterov", [False, True])
def test_weight_decay_is_coupled_and_spares_what_has_one_axis(nesterov):
    kernel, scale = keras.Variable(np.ones((2, 2))), keras.Variable(np.ones(2))
    optimizer = SGD(0.1, momentum=0.9, nesterov=nesterov, l2=0.01)
    optimizer.build([kernel, scale])
    expected = {"kernel": (1.0, 0.0), "scale": (1.0, 0.0)}
    for step in range(5):
        gradient = 0.5 - 0.2 * step
        optimizer.apply([tf.fill((2, 2), gradient), tf.fill((2,), gradient)], [kernel, scale])
        for name, decay in (("kernel", 0.01), ("scale", 0.0)):
            w, m = expected[name]
            g = gradient + decay * w
            m = 0.9 * m - 0.1 * g
            expected[name] = (w + (0.9 * m - 0.1 * g if nesterov else m), m)
    np.testing.assert_allclose(kernel, np.full((2, 2), expected["kernel"][0]), rtol=1e-6)
    np.testing.assert_allclose(scale, np.full(2, expected["scale"][0]), rtol=1e-6)


def test_coupled_decay_equals_a_regularisation_loss():
    """The paper's decay w adds w / 2 * |weights|^2 to the loss, which Keras calls L2(w / 2)."""
    random = np.random.default_rng(0)
    x = random.normal(size=(8, 4)).astype("float32")
    y = random.normal(size=(8, 3)).astype("float32")
    start = random.normal(size=(4, 3)).astype("float32")
    results = []
    for optimizer, regularizer in (
        (SGD(0.1, l2=0.02), None),
        (keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), keras.regularizers.L2(0.01)),
    ):
        layer = keras.layers.Dense(3, use_bias=False, kernel_regularizer=regularizer)
        model = keras.Sequential([keras.Input((4,)), layer])
        layer.kernel.assign(start)
        model.compile(optimizer, "mse")
        for _ in range(5):
            model.train_on_batch(x, y)
        results.append(layer.kernel.numpy())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)


def test_optimizer_configuration_round_trip():
    optimizer = SGD(WarmupSchedule(0.1, 2, 10), 0.8, nesterov=False, l2=1e-4)
    again = SGD.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert again.l2 == 1e-4


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_that_of_keras_on_one_hot_labels(smoothing):
    logits = tf.random.stateless_normal((6, 4), (1, 2)) * 5
    labels = tf.constant([0, 3, 1, 2, 2, 0])
    reference = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    loss = CrossEntropy(smoothing)
    assert float(loss(labels, logits)) == pytest.approx(
        float(reference(tf.one_hot(labels, 4), logits)), rel=1e-6
    )
    assert loss(labels, tf.cast(logits, tf.bfloat16)).dtype == tf.float32
    assert CrossEntropy.from_config(loss.get_config()).label_smoothing == smoothing


def test_precision_as_asked():
    assert precision.choose_precision("mixed_float16") == ("mixed_float16", "as asked")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx2"}, "float32"),
        ({"avx2", "avx512_bf16"}, "mixed_bfloat16"),
        ({"amx_bf16"}, "mixed_bfloat16"),
        (set(), "float32"),
    ],
)
def test_auto_precision_goes_by_the_processor(flags, expected, monkeypatch):
    monkeypatch.setattr(precision, "processor_flags", lambda: flags)
    policy, reason = precision.choose_precision("auto")
    assert policy == expected
    assert "the processor has" in reason
