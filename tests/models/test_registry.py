"""What every network must do, whichever networks there are."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfresnet
from tfresnet import complexity
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.training.step import cross_entropy

# Deeper networks than this take minutes to build or to differentiate; they run with -m slow, as
# do others that take seconds and are close to a network that is quick.
DEEP = 22
SLOW = {"googlenet", "inception_v3", "vgg19", "plain18", "resnet18d"}


def by_depth(names):
    """Parameters for every network, those that take long marked slow."""
    for name in names:
        depth = re.search(r"\d+", name)
        slow = name in SLOW or (depth is not None and int(depth[0]) > DEEP)
        yield pytest.param(name, marks=[pytest.mark.slow] if slow else [])


ALL = list(by_depth(tfresnet.list_models()))


def images(n=4):
    return tf.random.stateless_normal((n, 32, 32, 3), (1, 2))


def small(name):
    keras.utils.set_random_seed(0)
    return tfresnet.create_model(name, num_classes=10, input_shape=(32, 32, 3))


@pytest.mark.parametrize("name", ALL)
def test_every_trainable_weight_gets_a_finite_gradient(name):
    model = small(name)
    with tf.GradientTape() as tape:
        loss = cross_entropy(tf.range(4), model(images(), training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert gradients
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path


@pytest.mark.parametrize("name", ALL)
def test_saved_and_loaded_network_gives_the_same_logits(name, tmp_path):
    model = small(name)
    assert model.output_shape == (None, 10)
    model.save(tmp_path / "m.keras")
    again = tfresnet.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(images()), model(images()))


@pytest.mark.parametrize("name", ALL)
def test_a_dtype_policy_is_an_argument_and_the_classifier_stays_in_float32(name):
    keras.utils.set_random_seed(0)
    pixels = Preprocessing((0.5,) * 3, (0.25,) * 3)
    options = {"num_classes": 10, "input_shape": (32, 32, 3), "preprocessing": pixels}
    with complexity.structure_only():
        model = tfresnet.create_model(name, dtype="mixed_bfloat16", **options)
        kept = {layer.name for layer in model.layers if layer.compute_dtype == "float32"}
        ends = {"images", "preprocessing", "avg_pool", "dropout", "predictions"}
        assert {"images", "preprocessing"} < kept <= ends
        assert model.output.dtype == "float32"
        assert keras.config.dtype_policy().name == "float32"


def test_preprocessing_changes_neither_weights_nor_outputs():
    model = small("resnet20")
    keras.utils.set_random_seed(0)
    pixels = Preprocessing((0.5,) * 3, (0.25,) * 3)
    whole = tfresnet.create_model("resnet20", preprocessing=pixels)
    assert [layer.name for layer in whole.layers][:3] == ["images", "preprocessing", "conv1"]
    x = tf.random.stateless_uniform((2, 32, 32, 3), (1, 2), 0, 255)
    np.testing.assert_array_equal(whole(x), model(pixels(x)))


def test_names_come_in_natural_order():
    names = tfresnet.list_models("resnet[0-9]*")
    numbered = [int(n.removeprefix("resnet")) for n in names if n.removeprefix("resnet").isdigit()]
    assert numbered == sorted(numbered)
    expected = {18, 34, 50, 101, 152, 20, 32, 44, 56, 110, 1202}
    assert expected <= set(numbered)
    plain = {f"plain{depth}" for depth in (18, 34, 20, 32, 44, 56, 110)}
    assert plain <= set(tfresnet.list_models("plain*"))


def test_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"did you mean .*resnet18.*Received: 'resnet19'"):
        tfresnet.create_model("resnet19")
    with pytest.raises(InputError, match=r"known: .*resnet18.*Received: '§'"):
        tfresnet.create_model("§")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 0}, "num_classes must be at least 1. Received: 0"),
        ({"input_shape": (32, 32)}, "input_shape must be .height, width, channels."),
        ({"input_shape": (4, 4, 3)}, "need sides of at least 8 pixels"),
        ({"input_shape": (31, 31, 3), "stem": "imagenet"}, "need sides of at least 32 pixels"),
        ({"stem": "tiny"}, "stem of resnet18 must be"),
        ({"shortcut": "D"}, "shortcut of resnet18 must be"),
        ({"pooling": "sum", "include_top": False}, "pooling must be"),
        ({"depth": 3}, "no such option, only stem, .* Received: 'depth'"),
        ({"dtype": "float12"}, "dtype must name a dtype policy.* Received: 'float12'"),
        ({"weights": "nowhere.keras"}, "must exist, .* Received: nowhere.keras"),
    ],
)
def test_bad_options_are_answered_in_one_line(options, message):
    with pytest.raises(InputError, match=message) as caught:
        tfresnet.create_model("resnet18", **options)
    assert "\n" not in str(caught.value)


def test_a_plain_network_has_no_shortcut_to_choose():
    with pytest.raises(InputError, match="shortcut of plain20 must be 'auto'"):
        tfresnet.create_model("plain20", shortcut="A")
    with pytest.raises(InputError, match="needs a shortcut beside the branch"):
        tfresnet.create_model("plain20", zero_init_residual=True)


@pytest.mark.parametrize("value", [True, np.True_, 2.5, "10"])
def test_what_is_no_number_of_classes(value):
    with pytest.raises(InputError, match=r"num_classes must be a whole number. Received: .* of"):
        tfresnet.create_model("resnet8", num_classes=value)


def test_numbers_of_numpy_are_numbers():
    model = tfresnet.create_model(
        "resnet8", num_classes=np.int64(7), input_shape=(np.int64(32),) * 3
    )
    assert model.output_shape == (None, 7)
