"""Random weights of Keras Applications, copied into ours, give the same outputs."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import tfresnet
from tfresnet import models
from tfresnet.models.resnet import NETWORKS

SHAPE = (64, 64, 3)


def randomise(model):
    """Random statistics, scales and biases too, so that no term of the formulas is trivial."""
    random = np.random.default_rng(3)
    for variable in model.variables:
        if len(variable.shape) == 1:
            variable.assign(random.uniform(0.7, 1.3, variable.shape))


def save_as_before_keras_3(model, path):
    """The format of the files that Keras Applications downloads."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = np.array([name.encode() for name in names] or [], "S")
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = np.asarray(weight)


@pytest.mark.parametrize(
    "name",
    [
        "resnet50",
        pytest.param("resnet101", marks=pytest.mark.slow),
        pytest.param("resnet152", marks=pytest.mark.slow),
    ],
)
def test_same_outputs_as_keras_applications(name, tmp_path):
    keras.utils.set_random_seed(1)
    builder = getattr(keras.applications, name.replace("resnet", "ResNet"))
    theirs = builder(weights=None, input_shape=SHAPE, classes=10, classifier_activation=None)
    randomise(theirs)
    theirs.save_weights(tmp_path / "m.weights.h5")
    save_as_before_keras_3(theirs, tmp_path / "before.h5")
    ours = tfresnet.create_model(
        name, num_classes=10, input_shape=SHAPE, stem="imagenet", weights=tmp_path / "m.weights.h5"
    )
    before = models.read_weights(tmp_path / "before.h5").arrays
    for variable in ours.variables:
        np.testing.assert_array_equal(before[variable.path], variable)
    # In deep stacks the activations grow; the tolerance is relative to their size.
    x = tf.random.stateless_normal((4, *SHAPE), (1, 2))
    for training in (False, True):
        expected = theirs(x, training=training).numpy()
        got = ours(x, training=training).numpy()
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_the_original_brings_its_pixels(tmp_path, caplog):
    theirs = keras.applications.ResNet50(weights=None, input_shape=SHAPE)
    randomise(theirs)
    theirs.save_weights(tmp_path / "m.weights.h5")
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("f4")
    want = theirs(keras.applications.resnet50.preprocess_input(pixels.copy()), training=False)
    ours = tfresnet.create_model(
        "resnet50",
        input_shape=SHAPE,
        classifier_activation="softmax",
        weights=tmp_path / "m.weights.h5",
    )
    np.testing.assert_allclose(ours(pixels, training=False), want, atol=1e-5)
    theirs.save(tmp_path / "m.keras")
    whole = tfresnet.load(tmp_path / "m.keras", pixels="caffe")
    np.testing.assert_allclose(whole.probabilities(pixels.astype("u1")), want, atol=1e-5)
    assert caplog.text == ""


@pytest.fixture(scope="module")
def base():
    base = keras.applications.ResNet50(include_top=False, weights=None, input_shape=SHAPE)
    randomise(base)
    return base


@pytest.mark.parametrize("is_nested", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_fine_tune(is_nested, base, tmp_path, caplog):
    ends = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5, name="head")]
    if is_nested:
        theirs, network = keras.Sequential([base, *ends]), "resnet50"
    else:
        theirs, network = keras.Model(base.input, ends[1](ends[0](base.output))), None
    theirs.save(tmp_path / "m.keras")
    theirs.save_weights(tmp_path / "m.weights.h5")
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("u1")
    scaled = pixels / np.float32(127.5) - 1
    want = theirs(scaled, training=False)
    for name in ("m.keras", "m.weights.h5"):
        ours = tfresnet.create_model("resnet50", input_shape=SHAPE, weights=tmp_path / name)
        np.testing.assert_allclose(ours(scaled, training=False), want, atol=1e-4)
        assert f"{name} does not say how its pixels are prepared" in caplog.text
    named = {"model": network, "image_size": 64} if network else {}
    loaded = tfresnet.load(tmp_path / "m.keras", pixels="tf", **named)
    np.testing.assert_allclose(loaded.probabilities(pixels), tf.nn.softmax(want), atol=1e-5)


def test_counts_differ_from_keras_applications_by_the_biases_alone():
    theirs = keras.applications.ResNet50(weights=None).count_params()
    ours = tfresnet.create_model("resnet50").count_params()
    units, filters = NETWORKS["resnet50"].units, NETWORKS["resnet50"].filters
    biases = 64 + sum(n * 6 * f + 4 * f for n, f in zip(units, filters, strict=True))
    assert theirs - ours == biases
