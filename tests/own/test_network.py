"""What `OwnNetwork` makes of users' code: its forms, what it sees, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet import TrainConfig
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.own.maker import find_roles
from tfresnet.own.network import OwnNetwork

USUAL = Preprocessing((0.5,) * 3, (0.25,) * 3, ("a", "b", "c"))


def build(source, **settings):
    own = OwnNetwork(source)
    config = TrainConfig(model=own.title, precision="float32", **settings)
    return own, own.build(config, USUAL, input_shape=(8, 8, 3), num_classes=3)


def small(*layers, **options):
    last = [keras.layers.Flatten(), keras.layers.Dense(3, **options)]
    return keras.Sequential([*layers, *last])


class Net(keras.Model):
    def __init__(self, num_classes):
        super().__init__()
        self.fc = keras.layers.Dense(num_classes)

    def call(self, x):
        return self.fc(keras.ops.mean(x, (1, 2)))


def functional(input_shape, num_classes):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, Net(num_classes)(inputs))


def by_place(shape, classes, /):
    return functional(shape, classes)


def in_the_style_of_keras(
    include_top=True, input_shape=None, classes=1000, classifier_activation="softmax"
):
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(classes, classifier_activation)(x))


def on_tensors(inputs, n_classes=3):
    return keras.layers.Dense(n_classes)(keras.layers.Flatten()(inputs))


@pytest.mark.parametrize(
    "thing",
    [
        small,
        lambda: small(),
        lambda classes: Net(classes),
        lambda num_classes=7, **_: Net(num_classes),
        Net,
        Net(3),
        small(),
        small(keras.Input((8, 8, 3))),
        functional,
        functional((8, 8, 3), 3),
        by_place,
        in_the_style_of_keras,
        on_tensors,
    ],
)
def test_every_form_becomes_a_network_from_pixels_to_logits(thing):
    _, network = build(thing)
    assert network.output_shape == (None, 3)
    assert network(np.zeros((2, 8, 8, 3), np.uint8)).dtype == tf.float32


def test_probabilities_become_logits():
    own, network = build(small(activation="softmax"))
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    sums = np.exp(network(pictures)).sum(axis=1)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)
    assert "probabilities" in own.remarks[0]
    own, _ = build(small())
    assert "logits" in own.remarks[0]


class Divides(keras.layers.Layer):
    def call(self, x):
        return keras.ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))) / 255


@pytest.mark.parametrize(
    ("layer", "mean", "white"),
    [
        (keras.layers.ZeroPadding2D(2), 0.5, 255 * 0.25),  # as it is: normalised for it
        (keras.layers.Rescaling(1 / 255), 0, 1),
        (keras.layers.Rescaling(1 / 127.5, -1), 0, 1),
        (keras.layers.Normalization(mean=[127] * 3, variance=[4000] * 3), 0, 1),
        (keras.layers.Normalization(mean=[0.5] * 3, variance=[0.06] * 3), 0, 255),
        (Divides(), 0, 1),
    ],
)
def test_pixels_are_scaled_once(layer, mean, white):
    """The preprocessing in front divides by `white` after `mean`, in 0..1, has been taken away."""
    own, network = build(small(layer))
    found = network.get_layer("preprocessing")
    assert found.mean == (mean,) * 3
    np.testing.assert_allclose(found.std, white / 255)
    assert any("scales pixels itself" in remark for remark in own.remarks) == (mean == 0)


def test_regularizers_beside_the_decay_are_named():
    own, network = build(small(kernel_regularizer="l2"), weight_decay=0.01)
    assert "dense/kernel" in own.remarks[-1]
    assert len(network.losses) == 1
    own, _ = build(small(kernel_regularizer="l2"), weight_decay=0.0)
    assert len(own.remarks) == 1


def test_a_float32_network_under_bfloat16_is_named():
    own = OwnNetwork(small(dtype="float32"))
    config = TrainConfig(model=own.title, precision="mixed_bfloat16")
    own.build(config, USUAL, input_shape=(8, 8, 3), num_classes=3)
    assert "float32" in own.remarks[-1]


def test_options_go_to_the_maker():
    def wide(num_classes, units=4):
        return small(keras.layers.Dense(units))

    _, network = build(wide, model_option="units=5")
    assert network.layers[2].units == 5
    with pytest.raises(InputError, match="parameters of wide"):
        build(wide, model_option="unit=5")
    with pytest.raises(InputError, match="made already"):
        build(small(), model_option="units=5")


def two_outputs(num_classes):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, [keras.layers.Dense(num_classes)(x)] * 2)


def two_inputs():
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    x = keras.layers.Flatten()(inputs[0] + inputs[1])
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def fails(num_classes):
    return small(keras.layers.Conv2D(4, 9))


@pytest.mark.parametrize(
    ("thing", "rule"),
    [
        (two_outputs, "one output"),
        (two_inputs, "one input"),
        (lambda: small(keras.Input((8, 8, 3), batch_size=4)), "batches of any size"),
        (lambda: small(keras.layers.Lambda(lambda x: x)), "Lambda"),
        (lambda: keras.Sequential([keras.layers.Dense(3)]), "one number a class"),
        (lambda: keras.Sequential([keras.layers.GlobalAveragePooling2D()]), "weights to train"),
        (lambda: small(activation="sigmoid"), "another activation"),
        (lambda: "text", "gives builtins.str"),
        (lambda filters, depth: small(), "which needs filters, depth"),
        (lambda: small(keras.Input((9, 9, 3))), "incompatible"),
        (fails, "ValueError"),
        (3, "Received: int"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(thing, rule):
    with pytest.raises(InputError, match=rule) as caught:
        build(thing)
    assert "\n" not in str(caught.value)


def test_settings_of_our_networks_are_refused():
    with pytest.raises(InputError, match="shortcut must not be given"):
        build(small, shortcut="A")
    with pytest.raises(InputError, match="mean must not be given"):
        build(small(keras.layers.Rescaling(1 / 255)), mean=(0, 0, 0), std=(1, 1, 1))


def test_a_helper_beside_the_network_may_have_any_default(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(
        "import keras\n"
        "def flatten(new_shape=4, *, x):\n"
        "    return x\n"
        "def net(num_classes):\n"
        "    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(),\n"
        "                             keras.layers.Dense(num_classes)])\n"
    )
    assert OwnNetwork(file).name == "net"


@pytest.mark.parametrize("name", ["num_classes", "classes", "n_class", "class_num", "class_count"])
def test_the_number_of_classes_has_many_names(name):
    namespace = {}
    exec(f"def make({name}): ...", namespace)
    assert find_roles(namespace["make"]) == {name: "num_classes"}
