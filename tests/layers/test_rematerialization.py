"""Computing activations again changes memory, not numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.ops import op_selector

from tfresnet.layers import (
    IdentityBlock,
    InceptionModule,
    PreactIdentityBlock,
    ProjectionBlock,
)
from tfresnet.layers.rematerialization import rematerialize
from tfresnet.models import create_model


def trained(precision, remat):
    keras.utils.set_random_seed(0)
    model = create_model("resnet20", dtype=precision)
    if remat:
        rematerialize(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss)
    images = np.random.default_rng(0).normal(size=(16, 32, 32, 3)).astype("float32")
    model.fit(images, np.arange(16) % 10, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_weights_and_moving_averages_are_the_same(precision):
    usual = trained(precision, remat=False)
    again = trained(precision, remat=True)
    tolerance = 1e-4 if precision == "float32" else 0.05
    for a, b in zip(usual.variables, again.variables, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * max(1, np.abs(a).max()), err_msg=a.path)


def around(unit):
    images = keras.Input((8, 8, 4))
    return keras.Model(images, unit(images))


MODULE = {"a": [(4, 1)], "b": [(3, 1), (4, 3)], "pool": ["max"]}
UNITS = {
    "residual": lambda: IdentityBlock(4),
    "projection": lambda: ProjectionBlock(6, strides=2),
    "inception": lambda: InceptionModule(MODULE),
    "dropout": lambda: PreactIdentityBlock(4, dropout=0.5),
}


def gradients(model, images):
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(tf.sin(model(images, training=True)))
    return tape.gradient(loss, [images, *model.trainable_variables])


@pytest.mark.parametrize("how", ["eagerly", "graph", pytest.param("xla", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", UNITS)
def test_gradients_and_states_are_the_same(kind, how):
    """The mask of a dropout too, and what a step changes is changed once."""
    keras.utils.set_random_seed(0)
    usual = around(UNITS[kind]())
    again = keras.models.clone_model(usual)
    for a, b in zip(usual.variables, again.variables, strict=True):
        b.assign(a)
    rematerialize(again)
    images = tf.random.stateless_normal((3, 8, 8, 4), (1, 2))
    run = gradients if how == "eagerly" else tf.function(gradients, jit_compile=how == "xla")
    for a, b in zip(run(usual, images), run(again, images), strict=True):
        compare = np.testing.assert_array_equal
        compare(a, b) if how != "xla" else np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    for a, b in zip(usual.variables, again.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=a.path)


@pytest.mark.parametrize("kind", ["residual", pytest.param("inception", marks=pytest.mark.slow)])
def test_xla_does_not_find_that_all_is_there_already(kind):
    def convolutions(prepare):
        model = prepare(around(UNITS[kind]()))
        run = tf.function(lambda x: gradients(model, x), jit_compile=True)
        code = run.experimental_get_compiler_ir(tf.zeros((2, 8, 8, 4)))(stage="optimized_hlo")
        return code.count(" convolution(")

    forward = {"residual": 2, "inception": 1}[kind]  # of 1x1 it makes matrix products
    assert convolutions(rematerialize) == convolutions(lambda model: model) + forward


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
