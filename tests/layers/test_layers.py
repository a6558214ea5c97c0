"""What every layer of the package must do, whichever layers there are."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet import layers

# What stands before and after a network, or holds one, has no weights and a type of its own, so
# that there are tests for each.
AROUND = {"Preprocessing", "Logits", "OwnLayer"}
CLASSES = [c for _, c in inspect.getmembers(layers, inspect.isclass) if c.__name__ not in AROUND]

# The least that a constructor needs; a layer with other required arguments is added here.
ARGUMENTS = {
    "Conv2D": {"filters": 6, "kernel_size": 3},
    "ConvBN": {"filters": 6, "kernel_size": 3},
    "InceptionModule": {
        "branches": {
            "a": [(4, 1)],
            "b": [(3, 1), [(2, (1, 3)), (2, (3, 1))]],
            "pool": ["max", (2, 1)],
        }
    },
}
UNIT = {"filters": 6}


def make(cls, **more):
    required = [
        name
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    arguments = ARGUMENTS.get(cls.__name__, UNIT if "filters" in required else {})
    return cls(**arguments, **more)


@pytest.fixture
def images():
    return tf.constant(np.random.default_rng(0).normal(size=(4, 8, 8, 6)), tf.float32)


@pytest.mark.parametrize("cls", CLASSES)
class TestContract:
    def test_config_covers_the_constructor(self, cls):
        config = make(cls).get_config()
        for base in cls.__mro__:
            if base.__module__.startswith("tfresnet"):
                for name, parameter in inspect.signature(base.__init__).parameters.items():
                    named = parameter.kind is not parameter.VAR_KEYWORD
                    assert not named or name == "self" or name in config, name

    def test_config_round_trip(self, cls, images):
        layer = make(cls, name="unit")
        again = cls.from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        layer.build(images.shape)
        again.build(images.shape)
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(again(images), layer(images))

    def test_explicit_build_makes_all_weights(self, cls, images):
        built = make(cls)
        built.build(images.shape)
        before = [v.path for v in built.variables]
        built(
            images,
            **({"training": True} if "training" in inspect.getfullargspec(cls.call)[0] else {}),
        )
        assert before
        assert [v.path for v in built.variables] == before

    def test_output_shape_is_foretold(self, cls, images):
        layer = make(cls)
        assert layer.compute_output_shape(images.shape) == layer(images).shape
        assert layer.compute_output_shape((None, None, None, 6))[0] is None

    def test_saved_and_loaded_model_is_the_same(self, cls, images, tmp_path):
        inputs = keras.Input(images.shape[1:])
        model = keras.Model(inputs, make(cls, name="unit")(inputs))
        model.save(tmp_path / "m.keras")
        again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
        np.testing.assert_array_equal(again(images), model(images))
        assert [v.path for v in again.variables] == [v.path for v in model.variables]

    def test_bfloat16_policy_computes_in_bfloat16_and_stores_float32(self, cls, images):
        layer = make(cls, dtype="mixed_bfloat16")
        assert layer(images).dtype == tf.bfloat16
        assert {v.dtype for v in layer.variables} == {"float32"}

    def test_a_training_step_changes_every_trainable_weight(self, cls, images):
        inputs = keras.Input(images.shape[1:])
        outputs = keras.layers.GlobalAveragePooling2D()(make(cls)(inputs))
        model = keras.Model(inputs, keras.layers.Dense(3)(outputs))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        before = [w.numpy().copy() for w in model.trainable_variables]
        model.fit(images, tf.random.stateless_normal((4, 3), (1, 2)), verbose=0)
        assert all(
            np.abs(w - b).max() > 0 for w, b in zip(model.trainable_variables, before, strict=True)
        )


def test_every_layer_is_registered_under_the_package():
    assert {keras.saving.get_registered_name(c) for c in CLASSES} == {
        f"tfresnet>{c.__name__}" for c in CLASSES
    }
