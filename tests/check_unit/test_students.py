"""`check_unit` on what students write: right files pass, mistakes have their names."""

import re

import numpy as np
import pytest
from support.torch_files import described, write_zip

from tfresnet.check_unit import state_dict
from tfresnet.check_unit.comparison import compare
from tfresnet.errors import InputError
from tfresnet.own.student import load

HEAD = "import keras\nfrom keras import layers, ops\n\n"

# The three units of the deck's slides, in Keras: each has mistakes.
SLIDES = """
def res_unit(input, kernel_num):
    x = layers.Conv2D(kernel_num, 3, padding="same", activation="relu")(input)
    x = layers.Conv2D(kernel_num, 3, padding="same", activation="relu")(x)
    return x + input

def res_unit_stride(input, last_layer_kernel_num, kernel_num, stride=1):
    x = layers.Conv2D(kernel_num, 3, stride, padding="same", activation="relu")(input)
    x = layers.Conv2D(kernel_num, 3, padding="same", activation="relu")(x)
    if last_layer_kernel_num != kernel_num or stride != 1:
        input = layers.Conv2D(kernel_num, 1, padding="same")(input)
    return x + input

def res_unit_bottleneck(input, last_layer_kernel_num, kernel_num, stride=1):
    x = layers.Conv2D(kernel_num, 1, stride, padding="same", activation="relu")(input)
    x = layers.Conv2D(kernel_num, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(kernel_num, 1, padding="same", activation="relu")(x)
    if last_layer_kernel_num != kernel_num or stride != 1:
        input = layers.Conv2D(kernel_num, 1, padding="same")(input)
    return x + input
"""
UNIT = """
class Unit(layers.Layer):
    def __init__(self, filters, strides=1, ARGUMENT):
        super().__init__()
        self.conv1 = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.bn2 = layers.BatchNormalization()
        self.project = PROJECT

    def call(self, inputs):
        x = ops.relu(self.bn1(self.conv1(inputs)))
        x = self.bn2(self.conv2(x))
        return ops.relu(x + (self.project(inputs) if self.project else inputs))
"""
PROJECTION = """keras.Sequential(
            [layers.Conv2D(filters, 1, strides=strides), layers.BatchNormalization()]
        )"""
NETWORK = (
    UNIT.replace(", ARGUMENT", "").replace("PROJECT", f"{PROJECTION} if strides > 1 else None")
    + """
class Net(keras.Model):
    def __init__(self, num_classes=10):
        super().__init__()
        self.stem = keras.Sequential(STEM)
        self.units = [Unit(f, 2 if f > 16 else 1) for f in (16, 32, 64)]
        self.pool = layers.GlobalAveragePooling2D()
        self.dense = layers.Dense(num_classes)

    def call(self, x, training=None):
        x = self.stem(START)
        for unit in self.units:
            x = unit(x)
        return self.dense(self.pool(x))
"""
)
CONV = """layers.Conv2D(16, 3, padding="same", use_bias=False)"""
STEM = f"[{CONV}, layers.BatchNormalization(), layers.ReLU()]"


@pytest.fixture
def check(tmp_path):
    def check(source, name, against=None):
        path = tmp_path / "mine.py"
        path.write_text(HEAD + source)
        return compare(load(str(path), name), against)

    return check


def network(stem=STEM, start="x", more=""):
    return NETWORK.replace("STEM", stem).replace("START", start) + more


def differences(comparison):
    return ["\n".join(trial.differences) for trial in comparison.trials]


def test_the_slides_first_unit(check):
    (words,) = differences(check(SLIDES, "res_unit"))
    assert words.count("missing after") == words.count("batch normalisation of 64 channels") == 2
    assert words.endswith("relu(F(x)) + x instead of relu(F(x) + x)")


def test_the_slides_second_unit(check):
    same, strided = differences(check(SLIDES, "res_unit_stride"))
    assert same.endswith("relu(F(x)) + x instead of relu(F(x) + x)")
    assert strided.startswith("mine.py, line 15: ")
    assert "5, 5, 128" in strided
    assert "9, 9, 128" in strided
    assert "stride of the convolution 1x1, 64 to 128 channels: 1, ours 2" in strided
    assert "batch normalisation of 128 channels" in strided


def test_the_slides_third_unit(check):
    same, wider, strided = differences(check(SLIDES, "res_unit_bottleneck", "bottleneck"))
    for words in (same, wider):
        assert "must widen to 4 * 64 channels" in words
        assert "batch normalisation of 64 channels" in words
    assert "so must the shortcut: by a 1x1 convolution of the same stride" in strided


@pytest.mark.parametrize(
    ("argument", "project"),
    [
        ("downsample=None", "downsample"),
        ("residual_path=False", f"{PROJECTION} if residual_path else None"),
        ("use_1x1conv=False", f"{PROJECTION} if use_1x1conv else None"),
    ],
)
def test_a_unit_that_is_told_to_project(argument, project, check):
    source = UNIT.replace("ARGUMENT", argument).replace("PROJECT", project)
    comparison = check(source, "Unit")
    assert comparison.same, comparison
    assert [trial.what[-1] for trial in comparison.trials] == ["1", "2"]


@pytest.mark.parametrize(
    "more", ["", "\nmodel = Net()\n", "\nmodel = Net()\nmodel.build((None, 32, 32, 3))\n"]
)
def test_a_subclassed_network_is_compared_before_and_after_it_is_built(more, check):
    comparison = check(network(more=more), "model" if more else "Net", "resnet8")
    assert comparison.same, comparison


@pytest.mark.parametrize(
    ("stem", "start"),
    [
        (STEM.replace("[", "[layers.Rescaling(1 / 255), ", 1), "x"),
        (STEM.replace("[", "[layers.Rescaling(1 / 127.5, offset=-1), ", 1), "x"),
        (STEM, "x / 255.0"),
    ],
)
def test_a_network_that_scales_its_own_pixels_is_right(stem, start, check):
    comparison = check(network(stem, start), "Net", "resnet8")
    assert comparison.same, comparison
    assert "pixels scaled inside the network" in str(comparison)


def test_mistakes_behind_a_scaling_are_still_found(check):
    wrong = network(start="x / 255.0").replace("ops.relu(x + (", "(x + (")
    (words,) = differences(check(wrong, "Net", "resnet8"))
    assert words.startswith("with the same weights the outputs differ by ")
    scaled = STEM.replace("[", "[layers.Rescaling(1 / 255), ", 1)
    wrong = network(scaled).replace("ops.relu(x + (", "(x + (")
    (words,) = differences(check(wrong, "Net", "resnet8"))
    assert "the ReLU after the addition is missing" in words


def test_dropout_is_accepted(check):
    source = network().replace("self.dense(self.pool(x))", "self.dense(self.drop(self.pool(x)))")
    source = source.replace("self.pool =", "self.drop = layers.Dropout(0.3)\n        self.pool =")
    comparison = check(source, "Net", "resnet8")
    assert comparison.same, comparison
    assert "dropout of 0.3, which the comparison leaves out" in str(comparison)


def test_the_first_place_where_shapes_part_is_named(check):
    stem = STEM.replace('padding="same"', 'padding="valid"')
    stem = stem.replace("layers.ReLU()", 'layers.ReLU(), layers.MaxPooling2D(2, 1, "same")')
    (words,) = differences(check(network(stem), "Net", "resnet8"))
    assert words.splitlines() == [
        "the output of the convolution 3x3, 3 to 16 channels has the shape 30x30x16, "
        "ours 32x32x16 (padding 'valid')",
        "max poolings: 2x2 with stride 1; ours none",
    ]


INCEPTION = """
def conv(x, filters, size, **options):
    return layers.Conv2D(filters, size, padding="same", activation="relu", **options)(x)

def inception(x, c1, r3, c3, r5, c5, pool):
    a = conv(x, c1, 1)
    b, c = conv(x, r3, 1), conv(x, r5, 1)
    b, c = conv(b, c3, 3), conv(c, c5, 5)
    d = conv(layers.MaxPooling2D(3, 1, "same")(x), pool, 1)
    return layers.concatenate([a, b, c, d])

def in_pairs(x, c1, c2, c3, c4):
    return inception(x, c1, *c2, *c3, c4)

class Inception(layers.Layer):
    def __init__(self, c1, c2, c3, c4, **kwargs):
        super().__init__(**kwargs)
        self.numbers = c1, c2, c3, c4
        same = {"padding": "same", "activation": "relu"}
        self.a = layers.Conv2D(c1, 1, **same)
        self.b = [layers.Conv2D(c2[0], 1, **same), layers.Conv2D(c2[1], 3, **same)]
        self.c = [layers.Conv2D(c3[0], 1, **same), layers.Conv2D(c3[1], 5, **same)]
        self.d = [layers.MaxPooling2D(3, 1, "same"), layers.Conv2D(c4, 1, **same)]

    def call(self, x):
        pairs = [second(first(x)) for first, second in (self.b, self.c, self.d)]
        return ops.concatenate([self.a(x), *pairs], axis=-1)

def gives_a_layer(c1, c2, c3, c4):
    return Inception(c1, c2, c3, c4)

def naive(x, c1, c3, c5):
    d = layers.MaxPooling2D(3, 1, "same")(x)
    return layers.concatenate([conv(x, c1, 1), conv(x, c3, 3), conv(x, c5, 5), d])

def mlpconv(x, filters, kernel_size, strides, padding):
    x = layers.Conv2D(filters, kernel_size, strides, padding, activation="relu")(x)
    return conv(conv(x, filters, 1), filters, 1)
"""


@pytest.mark.parametrize(
    ("name", "against"),
    [
        ("inception", "inception"),
        ("in_pairs", "inception"),
        ("Inception", "inception"),
        ("gives_a_layer", "inception"),
        ("naive", "naive"),
        ("mlpconv", "mlpconv"),
    ],
)
def test_modules_of_the_deck(name, against, check):
    comparison = check(INCEPTION, name, against)
    assert comparison.same, comparison


def test_a_module_of_other_numbers_is_refused(check):
    message = r"mine.py must take the numbers 64, 128, 32 in this order\. Received: c1, c3$"
    with pytest.raises(InputError, match=message):
        check(
            INCEPTION.replace("def naive(x, c1, c3, c5)", "def naive(x, c1, c3)"), "naive", "naive"
        )


@pytest.mark.parametrize(
    ("name", "right", "wrong", "words"),
    [
        ("inception", "MaxPooling2D(3, 1", "AveragePooling2D(3, 1", "max poolings: none; ours 3x3"),
        ("inception", "[a, b, c, d]", "[a, c, b, d]", "conv1x1, conv5x5, conv3x3, pool"),
        ("naive", 'activation="relu", **', "**", "no ReLU follows the convolutions"),
        ("naive", "conv(x, c5, 5)", "conv(x, c5, 3)", "missing after"),
        (
            "mlpconv",
            "conv(conv(x, filters, 1), filters, 1)",
            "conv(x, filters, 1)",
            "missing after",
        ),
    ],
)
def test_mistakes_in_modules(name, right, wrong, words, check):
    assert right in INCEPTION
    (found,) = differences(check(INCEPTION.replace(right, wrong), name, name))
    assert words in found


def torch_resnet8():
    """Names and shapes of a ResNet-8 with projections, as PyTorch has them."""
    found, before = {}, 16

    def conv(name, side, filters, before):
        found[f"{name}.weight"] = (filters, before, side, side)

    def norm(name, channels):
        for kind in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.{kind}"] = (channels,)
        found[f"{name}.num_batches_tracked"] = ()

    conv("conv1", 3, 16, 3)
    norm("bn1", 16)
    for stage, filters in ((1, 16), (2, 32), (3, 64)):
        unit = f"layer{stage}.0"
        conv(f"{unit}.conv1", 3, filters, before)
        norm(f"{unit}.bn1", filters)
        conv(f"{unit}.conv2", 3, filters, filters)
        norm(f"{unit}.bn2", filters)
        if before != filters:
            conv(f"{unit}.downsample.0", 1, filters, before)
            norm(f"{unit}.downsample.1", filters)
        before = filters
    return found | {"fc.weight": (10, 64), "fc.bias": (10,)}


def write(path, shapes):
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return write_zip(path, described(arrays), arrays)


def test_a_state_dict_of_the_right_network(tmp_path):
    comparison = state_dict.compare(write(tmp_path / "net.pth", torch_resnet8()), "resnet8")
    assert comparison.same, comparison
    assert "shortcut option B" in str(comparison)


def test_a_state_dict_names_what_is_missing_and_what_is_not_ours(tmp_path):
    shapes = torch_resnet8()
    shapes["layer2.0.downsample.0.weight"] = (32, 16, 3, 3)
    shapes = {name: shape for name, shape in shapes.items() if not name.startswith("bn1.")}
    (words,) = differences(state_dict.compare(write(tmp_path / "net.pth", shapes), "resnet8"))
    first = "missing after conv1 (convolution 3x3, 3 to 16 channels): batch normalisation of 16"
    assert words.startswith(first)
    assert re.search(r"unexpected .*: layer2.0.downsample.0 \(convolution 3x3, 16 to 32", words)


def test_a_state_dict_of_something_else_is_refused(tmp_path):
    path = write(tmp_path / "net.pth", {"attention.in_proj_weight": (3, 3)})
    with pytest.raises(InputError, match=r"dense layers\. Received: attention with in_proj_weight"):
        state_dict.compare(path)
