"""`python -m tfresnet.check_unit`: right files pass, each mistake is named, errors are one line."""

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tfresnet.check_unit.__main__ import main
from tfresnet.check_unit.comparison import compare
from tfresnet.check_unit.mistakes import MISTAKES, variants
from tfresnet.errors import InputError
from tfresnet.layers import IdentityBlock, PooledProjectionBlock, ProjectionBlock
from tfresnet.own.student import load

LAYER = """
from keras import layers, ops

class Unit(layers.Layer):
    def __init__(self, filters, strides=1):
        super().__init__()
        self.conv1 = layers.Conv2D(filters, 3, strides=STRIDES, padding="same", use_bias=False)
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.bn2 = layers.BatchNormalization()
        self.shortcut = lambda x: x
        if strides > 1:
            project = layers.Conv2D(filters, 1, strides=SHORTCUT_STRIDES, use_bias=False)
            norm = layers.BatchNormalization()
            self.shortcut = lambda x: norm(project(x))
            self.inside = [project, norm]

    def call(self, inputs):
        x = ops.relu(self.bn1(self.conv1(inputs)))
        x = self.conv2(x)
        x = self.bn2(x)
        return END
"""
FUNCTION = """
from keras import layers, ops

def unit(inputs, n_filters, stride=1):
    strides = stride
    shortcut = inputs
    if strides > 1:
        shortcut = layers.Conv2D(n_filters, 1, strides=SHORTCUT_STRIDES)(shortcut)
        shortcut = layers.BatchNormalization()(shortcut)
    x = layers.Conv2D(n_filters, 3, strides=STRIDES, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(n_filters, 3, padding="same")(x)
    x = layers.BatchNormalization()(x)
    return END
"""
MODEL = (
    FUNCTION.replace("def unit(", "def _unit(").replace("self.", "")
    + """
import keras
images = keras.Input((12, 12, 64))
made = keras.Model(images, _unit(images, 128, 2))
"""
)
BUILDER = (
    FUNCTION.replace("def unit(", "def _unit(")
    + """
import keras
def build(in_channels, filters, strides):
    images = keras.Input((8, 8, in_channels))
    return keras.Model(images, _unit(images, filters, strides))
"""
)
STYLES = {"layer": LAYER, "function": FUNCTION, "model": MODEL, "builder": BUILDER}
LAST_NORM = {"layer": "        x = self.bn2(x)\n"}
ENDS = dict.fromkeys(STYLES, "ops.relu(x + shortcut)")
ENDS["layer"] = "ops.relu(x + self.shortcut(inputs))"


@pytest.fixture
def file(tmp_path):
    def write(source):
        path = tmp_path / "mine.py"
        path.write_text(source)
        return str(path)

    return write


def source(style, strides="strides", shortcut_strides="strides", end=None, last_norm=True):
    text = STYLES[style].replace("SHORTCUT_STRIDES", shortcut_strides)
    text = text.replace("STRIDES", strides).replace("END", end or ENDS[style])
    if not last_norm:
        norm = LAST_NORM.get(style, "    x = layers.BatchNormalization()(x)\n")
        before, _, after = text.rpartition(norm)
        text = before + after
    return text


def found(path, against=None, name=None):
    """The differences of the last trial, in one text."""
    trial = compare(load(path, name), against).trials[-1]
    return "\n".join(trial.differences)


@pytest.mark.parametrize("style", STYLES)
class TestAUnit:
    def test_that_is_right_passes(self, style, file):
        comparison = compare(load(file(source(style))))
        assert comparison.same, comparison
        assert len(comparison.trials) == (1 if style == "model" else 2)
        assert "epsilon of 0.001" in str(comparison)

    def test_without_any_stride(self, style, file):
        words = found(file(source(style, strides="1", shortcut_strides="1")))
        assert re.search(r"the output has the shape (\d+)x\1x128, ours \d+x\d+x128", words)
        assert "stride of the convolution 3x3, 64 to 128 channels: 1, ours 2" in words
        assert "stride of the convolution 1x1, 64 to 128 channels: 1, ours 2" in words

    def test_without_a_normalisation(self, style, file):
        words = found(file(source(style, last_norm=False)))
        place = "missing after convolution 3x3, 128 to 128 channels"
        assert f"{place}: batch normalisation of 128 channels" in words
        assert "parameters, ours 230,912" in words

    def test_with_the_relu_before_the_addition(self, style, file):
        end = re.sub(r"ops.relu\(x \+ (.*)\)", r"ops.relu(x) + \1", ENDS[style])
        words = found(file(source(style, end=end)))
        assert "the ReLU comes before the addition" in words
        assert words.startswith("with the same weights the outputs differ by ")


@pytest.mark.parametrize("style", ["layer", "function", "builder"])
def test_a_stride_that_the_shortcut_lacks(style, file):
    path = file(source(style, shortcut_strides="1"))
    lines = Path(path).read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if text.strip() == f"return {ENDS[style]}")
    words = found(path)
    assert words.startswith(f"mine.py, line {line}: ")
    assert "Could not automatically infer" not in words
    assert re.search(r"[45], ?[45], ?128\D.*[89], ?[89], ?128\D", words)
    assert "stride of the convolution 1x1, 64 to 128 channels: 1, ours 2" in words


def test_a_shortcut_that_is_not_changed_with_the_shape(file):
    words = found(file(source("layer").replace("if strides > 1", "if False")))
    assert re.match(
        r"mine\.py, line \d+: .*\nwhere the branch changes the shape, so must the", words
    )


UNITS = [IdentityBlock(8), ProjectionBlock(16, strides=2), PooledProjectionBlock(16, strides=2)]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: type(unit).__name__)
def test_every_mistake_gives_another_output(unit):
    x = keras.Input((6, 6, 8))
    model = keras.Model(x, unit(x))
    images = np.random.default_rng(0).normal(size=(2, 6, 6, 8)).astype("float32")
    right = np.asarray(model(images, training=True))
    outputs = [np.asarray(model(images, training=True)) for _ in variants(model)]
    assert len(outputs) == len(MISTAKES)
    early_relu = keras.ops.relu(unit.branch(images, True)) + (unit.shortcut(images, True))
    np.testing.assert_allclose(outputs[0], early_relu, rtol=1e-5, atol=1e-5)
    assert all(not np.allclose(one, right, atol=1e-3) for one in outputs)
    assert len({one.tobytes() for one in outputs}) == len(outputs)
    np.testing.assert_array_equal(model(images, training=True), right)


def test_a_gradient_that_is_cut_off(file):
    end = "ops.relu(x + ops.stop_gradient(self.shortcut(inputs)))"
    words = found(file(source("layer", end=end)))
    assert re.search(r"^the gradient of the .* differs by [\d.]+ %|^no gradient reaches", words)
    assert "no gradient reaches the convolution 1x1, 64 to 128 channels" in words
    assert words.count("\n") < 3


NETWORK = (
    LAYER
    + """
import keras
def resnet8(input_shape=(32, 32, 3), num_classes=10):
    x = images = keras.Input(input_shape)
    x = layers.ReLU()(layers.BatchNormalization()(
        layers.Conv2D(16, 3, padding="same", use_bias=False)(x)))
    for filters in (16, 32, 64):
        for index in range(1):
            x = Unit(filters, 2 if filters > 16 and index == 0 else 1)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(num_classes, activation="softmax")(x))
"""
)


def network(strides="strides", end=ENDS["layer"]):
    text = NETWORK.replace("SHORTCUT_STRIDES", strides).replace("STRIDES", strides)
    return text.replace("END", end)


def test_a_network_that_is_right_passes(file):
    comparison = compare(load(file(network()), "resnet8"), "resnet8")
    assert comparison.same, comparison
    assert "shortcut option B" in str(comparison)
    assert "a softmax at the end" in str(comparison)


def test_a_network_with_mistakes(file):
    end = "ops.relu(x) + self.shortcut(inputs)"
    words = found(file(network(end=end)), "resnet8", "resnet8")
    assert "the ReLU comes before the addition" in words
    small = network(strides="1").replace("Input(input_shape)", "Input((8, 8, 3))")
    words = found(file(small), "resnet8", "resnet8")  # too small for a stem of stride 4
    assert words.count("1, ours 2") == 4


def test_our_own_layers_are_found_right(file):
    path = file(
        "import tfresnet.layers\n"
        "def unit(filters, strides):\n"
        "    return tfresnet.layers.IdentityBlock(filters, strides=strides, bottleneck=True)\n"
    )
    comparison = compare(load(path), "bottleneck")
    assert comparison.same, comparison
    assert comparison.trials[-1].reference == "our bottleneck unit, shortcut option A"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\ny = x +\n", "mine.py, line 2: SyntaxError: invalid syntax"),
        ("import nowhere_at_all\n", "mine.py, line 1: ModuleNotFoundError: No module named 'now"),
        ("\n1 / 0\n", "mine.py, line 2: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "mine.py, line 1: SystemExit: 3"),
        ("x = 1\n", "mine.py defines no class of Keras layers, no function and no model"),
        ("def a(): pass\ndef b(): pass\n", "mine.py defines a, b: NAME must say which is meant."),
        ("def unit(x, filters): pass\n", "unit of mine.py must give one tensor, a layer or a mod"),
        ("def unit(x, f, filters): pass\n", "unit of mine.py must be made of filters, strides,"),
        ("def net():\n    return 1 / 0\n", "mine.py, line 2: ZeroDivisionError"),
    ],
)
def test_errors_of_the_file_are_one_line(source, message, file):
    with pytest.raises(InputError) as caught:
        print(compare(load(file(source))))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_exit_status_and_output(file, capsys):
    main([file(source("function"))])
    assert capsys.readouterr().out.startswith("unit, 64 to 64 channels, stride 1: the same\n")
    with pytest.raises(SystemExit) as exit_:
        main([file(source("function", last_norm=False))])
    assert exit_.value.code == 1
    assert "stride 1: differs\n" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"--against must be basic or bottleneck .*'resnet18'"):
        main([file(source("function")), "--against", "resnet18"])


@pytest.mark.slow
def test_nothing_is_left_beside_the_file(file, tmp_path):
    command = [sys.executable, "-m", "tfresnet.check_unit", file("1 / 0\n")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "check_unit: error: mine.py, line 1: ZeroDivisionError: division by zero\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


BOTTLENECK = """
from keras import layers

def norm(x):
    return layers.BatchNormalization()(x)

def block(x, filters, stride=1):
    y = layers.ReLU()(norm(layers.Conv2D(filters, 1, strides=stride)(x)))
    y = layers.ReLU()(norm(layers.Conv2D(filters, 3, padding="same")(y)))
    y = norm(layers.Conv2D(4 * filters, 1)(y))
    if stride > 1 or x.shape[-1] != 4 * filters:
        x = norm(layers.Conv2D(4 * filters, 1, strides=stride)(x))
    return layers.ReLU()(x + y)
"""
RESNET50 = """
import keras

def net(input_shape, classes):
    x = images = keras.Input(input_shape)
    x = layers.ReLU()(norm(layers.Conv2D(64, 7, 2, padding="same")(x)))
    x = layers.MaxPooling2D(3, 2, "same")(x)
    for filters, units in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for index in range(units):
            x = block(x, filters, 2 if index == 0 and filters > 64 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(classes)(x))
"""


@pytest.mark.parametrize(
    ("condition", "differs"),
    [
        ("stride > 1 or x.shape[-1] != 4 * filters", [False, False, False]),
        ("stride > 1", [False, True, False]),
        ("stride > 1 or x.shape[-1] != filters", [False, True, False]),
        ("x.shape[-1] != 4 * filters", [False, False, False]),
        ("False", [False, True, True]),
    ],
)
def test_a_bottleneck_must_project_wherever_the_shape_changes(condition, differs, file):
    source = BOTTLENECK.replace("stride > 1 or x.shape[-1] != 4 * filters", condition)
    trials = compare(load(file(source), "block"), "bottleneck").trials
    assert [bool(trial.differences) for trial in trials] == differs
    if differs[1]:
        assert trials[1].what == "64 to 256 channels, stride 1"
        assert trials[1].differences[0].startswith("mine.py, line 13: ")
        assert "ResNet-50's first unit" in trials[1].differences[1]


def test_a_unit_without_strides_is_tried_only_where_it_keeps_the_shape(file):
    source = BOTTLENECK.replace("stride=1):", "step=1):\n    stride = step")
    trials = compare(load(file(source), "block"), "bottleneck").trials
    assert [(trial.what, trial.differences) for trial in trials] == [
        ("256 to 256 channels, stride 1", [])
    ]


@pytest.mark.parametrize(
    ("settings", "found", "right"),
    [
        ("momentum=0.0", "momentum of 0, ours 0.9: ", False),
        ("momentum=0.1", "momentum of 0.1, ours 0.9: ", False),
        ("momentum=1.0", "momentum of 1, ours 0.9: ", False),
        ("epsilon=0.5", "epsilon of 0.5, ours 1e-05: ", False),
        ("epsilon=0.0", "epsilon of 0, ours 1e-05: ", False),
        ("momentum=0.997", "momentum of 0.997, ours 0.9", True),
    ],
)
def test_settings_of_batch_normalisation_that_cannot_work(settings, found, right, file):
    norm = f"BatchNormalization({settings})"
    trial = compare(load(file(source("function").replace("BatchNormalization()", norm)))).trials[0]
    assert len(trial.differences) == (not right)
    assert any(words.startswith(found) for words in trial.differences + trial.remarks)


@pytest.mark.slow
def test_a_deep_network_in_keras_own_layers_passes(file):
    comparison = compare(load(file(BOTTLENECK + RESNET50), "net"), "resnet50")
    assert comparison.same, comparison
    assert "imagenet stem" in str(comparison)
