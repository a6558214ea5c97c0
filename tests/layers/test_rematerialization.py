"""Computing activations again changes memory, not numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.ops import op_selector

from tfresnet.layers.rematerialization import recomputing, rematerialize
from tfresnet.models import create_model


def trained(name, precision, remat, **fit):
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = create_model(name, num_classes=10, input_shape=(32, 32, 3))
    finally:
        keras.config.set_dtype_policy(before)
    if remat:
        rematerialize(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss, **fit)
    images = np.random.default_rng(0).normal(size=(16, 32, 32, 3)).astype("float32")
    model.fit(images, np.arange(16) % 10, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize(
    "precision", ["float32", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
)
def test_weights_and_moving_averages_are_the_same(precision):
    usual = trained("resnet20", precision, remat=False)
    again = trained("resnet20", precision, remat=True)
    tolerance = 1e-4 if precision == "float32" else 0.05
    for a, b in zip(usual.variables, again.variables, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * max(1, np.abs(a).max()), err_msg=a.path)
    assert not recomputing()


@pytest.mark.slow
def test_eagerly_too():
    usual = trained("resnet20", "float32", remat=False, run_eagerly=True)
    again = trained("resnet20", "float32", remat=True, run_eagerly=True)
    for a, b in zip(usual.variables, again.variables, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * max(1, np.abs(a).max()), err_msg=a.path)


def test_every_unit_is_called_twice_in_training_and_once_otherwise():
    model = create_model("resnet20", num_classes=10, input_shape=(32, 32, 3))
    calls = []
    unit = model.get_layer("conv3_block2")
    unit.bn1.call = lambda x, training=None, mask=None: calls.append((training, recomputing())) or x
    rematerialize(model)
    images = tf.zeros((1, 32, 32, 3))
    model(images, training=False)
    assert calls == [(False, False)]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(images, training=True))
    tape.gradient(loss, model.trainable_variables)
    assert calls[1:] == [(True, False), (True, True)]


def test_tracing_a_unit_does_not_search_the_whole_graph():
    """As `tf.recompute_grad` does: the time of 600 units would grow with the square."""
    searched = []
    with pytest.MonkeyPatch.context() as patch:
        search = op_selector.get_backward_walk_ops
        patch.setattr(
            op_selector,
            "get_backward_walk_ops",
            lambda *a, **k: searched.append(len(found := search(*a, **k))) or found,
        )
        model = rematerialize(create_model("resnet20", num_classes=10, input_shape=(32, 32, 3)))

        @tf.function
        def gradients(images):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(model(images, training=True))
            return tape.gradient(loss, model.trainable_variables)

        graph = gradients.get_concrete_function(tf.TensorSpec((2, 32, 32, 3))).graph
    assert searched
    assert max(searched) < len(graph.get_operations()) / 20


def test_a_saved_model_has_no_trace_of_it(tmp_path):
    model = rematerialize(create_model("resnet20", num_classes=10, input_shape=(32, 32, 3)))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    images = tf.random.stateless_normal((2, 32, 32, 3), (1, 2))
    np.testing.assert_allclose(again(images), model(images), rtol=1e-5, atol=1e-6)
