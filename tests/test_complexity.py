"""`tfresnet.complexity` against counts done by hand and against the paper's tables."""

import functools

import keras
import numpy as np
import pytest
from keras import layers

from tfresnet.complexity import Complexity, count, structure_only
from tfresnet.errors import InputError
from tfresnet.layers import IdentityBlock, ProjectionBlock
from tfresnet.models import create_model


def functional(*stack, shape=(8, 8, 4)):
    """A functional model of layers called one after the other."""
    inputs = x = keras.Input(shape)
    for layer in stack:
        x = layer(x)
    return keras.Model(inputs, x, name="model")


def check_sums(model: keras.Model, result: Complexity) -> None:
    """Both breakdowns add up to the totals, and the totals are Keras' own."""
    assert result.params == model.count_params()
    assert result.params == result.trainable_params + result.non_trainable_params
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert result.trainable_params == trainable
    for rows in (result.by_layer, result.by_stage):
        for field in ("params", "trainable_params", "multiply_adds"):
            assert sum(getattr(row, field) for row in rows) == getattr(result, field)


# One layer at a time. Input 8x8x4; (layer, parameters, multiply-adds), each product by hand:
# output positions x products at each.
SINGLE_LAYERS = {
    "conv": (layers.Conv2D(6, 3, padding="same"), 9 * 4 * 6 + 6, 64 * 9 * 4 * 6),
    "valid": (layers.Conv2D(6, 3, use_bias=False), 9 * 4 * 6, 36 * 9 * 4 * 6),
    "stride": (layers.Conv2D(6, 3, strides=2, padding="same"), 222, 16 * 9 * 4 * 6),
    "oblong": (layers.Conv2D(6, (1, 7), padding="same"), 7 * 4 * 6 + 6, 64 * 7 * 4 * 6),
    "groups": (layers.Conv2D(6, 3, groups=2, padding="same"), 9 * 2 * 6 + 6, 64 * 9 * 2 * 6),
    "dilation": (layers.Conv2D(6, 3, dilation_rate=2), 222, 16 * 9 * 4 * 6),
    "dense": (layers.Dense(5), 4 * 5 + 5, 64 * 4 * 5),
    "batch_norm": (layers.BatchNormalization(), 16, 0),
    "pool": (layers.MaxPooling2D(), 0, 0),
    "layer_as_activation": (layers.Conv2D(6, 1, activation=layers.LeakyReLU()), 30, 64 * 4 * 6),
}


@pytest.mark.parametrize("case", SINGLE_LAYERS)
def test_single_layer(case):
    layer, params, multiply_adds = SINGLE_LAYERS[case]
    model = functional(layer)
    result = count(model)
    assert (result.params, result.multiply_adds) == (params, multiply_adds)
    assert result.depth == (1 if multiply_adds else 0)
    row = next(row for row in result.by_layer if row.path == layer.name)
    assert row.kind == type(layer).__name__
    assert row.output_shape == tuple(layer.output.shape[1:])
    check_sums(model, result)


class ConvNorm(layers.Layer):
    """A composite layer that tells its shape, so that Keras has no reason to look inside."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, padding="same", use_bias=False, name="conv")
        self.bn = layers.BatchNormalization(name="bn")

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.bn.build(self.conv.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        return keras.ops.relu(self.bn(self.conv(inputs), training=training))

    def compute_output_shape(self, input_shape):
        return self.conv.compute_output_shape(input_shape)


class Scaled(layers.Layer):
    """Two composites below one, sublayers in a list, and a weight of its own."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.parts = [ConvNorm(filters, name="first"), ConvNorm(filters, name="second")]

    def build(self, input_shape):
        for part in self.parts:
            part.build(input_shape)
            input_shape = part.compute_output_shape(input_shape)
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        return self.parts[1](self.parts[0](inputs)) * self.scale

    def compute_output_shape(self, input_shape):
        return self.parts[1].compute_output_shape(input_shape)


def test_composite_nested_two_deep():
    model = functional(Scaled(6, name="conv2_block1"))
    result = count(model)
    assert result.params == 9 * 4 * 6 + 4 * 6 + 9 * 6 * 6 + 4 * 6 + 1
    assert result.non_trainable_params == 2 * 2 * 6
    assert result.multiply_adds == 64 * 9 * (4 * 6 + 6 * 6)
    assert result.depth == 2
    assert [row.path for row in result.by_layer] == [
        "conv2_block1",
        "conv2_block1/first/conv",
        "conv2_block1/first/bn",
        "conv2_block1/second/conv",
        "conv2_block1/second/bn",
    ]
    assert [row.params for row in result.by_layer] == [1, 216, 24, 324, 24]
    check_sums(model, result)


def test_layer_called_twice_costs_twice_and_is_stored_once():
    conv = layers.Conv2D(4, 3, padding="same", name="shared")
    model = functional(conv, conv)
    result = count(model)
    assert result.params == 9 * 4 * 4 + 4
    assert result.multiply_adds == 2 * 64 * 9 * 4 * 4
    assert result.depth == 2
    assert [row.path for row in result.by_layer] == ["shared"]
    check_sums(model, result)


def test_layer_shared_by_two_parents():
    shared = layers.Conv2D(4, 1, name="shared")
    model = functional(
        keras.Sequential([shared], name="first"), keras.Sequential([shared], name="second")
    )
    result = count(model)
    assert [row.path for row in result.by_layer] == ["first/shared"]
    assert (result.params, result.multiply_adds, result.depth) == (20, 2 * 64 * 16, 2)
    check_sums(model, result)


def test_nested_models():
    inner = keras.Sequential([layers.Conv2D(6, 1, name="conv"), layers.Dropout(0.5)], name="inner")
    head = functional(layers.Flatten(), layers.Dense(3, name="dense"), shape=(8, 8, 6))
    model = functional(keras.Sequential([inner], name="outer"), head)
    result = count(model)
    assert result.params == 4 * 6 + 6 + 64 * 6 * 3 + 3  # without the dropout's random state
    assert result.multiply_adds == 64 * 4 * 6 + 64 * 6 * 3
    paths = [row.path for row in result.by_layer if row.params]
    assert paths == ["outer/inner/conv", f"{head.name}/dense"]
    check_sums(model, result)


def test_several_inputs_and_outputs():
    left, right = keras.Input((6,), name="left"), keras.Input((4,), name="right")
    joined = layers.Concatenate()([left, right])
    outputs = {"a": layers.Dense(2)(layers.Dense(3)(joined)), "b": layers.Dense(5)(right)}
    model = keras.Model({"left": left, "right": right}, outputs)
    result = count(model)
    assert result.multiply_adds == 10 * 3 + 3 * 2 + 4 * 5
    assert result.depth == 2
    check_sums(model, result)


def test_stages():
    model = functional(
        layers.Conv2D(6, 1, name="stem_conv"),
        layers.ReLU(name="relu"),
        ConvNorm(6, name="conv2_block1"),
        ConvNorm(6, name="conv2_block2"),
        ConvNorm(8, name="conv3_block1"),
        layers.Flatten(),
        layers.Dense(10, name="predictions"),
    )
    result = count(model)
    assert [(stage.name, stage.params, stage.multiply_adds) for stage in result.by_stage] == [
        ("stem_conv", 30, 64 * 24),
        ("conv2", 2 * (324 + 24), 2 * 64 * 324),
        ("conv3", 432 + 32, 64 * 432),
        ("predictions", 5130, 5120),
    ]
    assert result.depth == 5


def test_frozen_weights_are_not_trainable():
    model = functional(ConvNorm(6, name="frozen"), layers.Dense(5))
    model.get_layer("frozen").trainable = False
    result = count(model)
    assert result.trainable_params == 6 * 5 + 5
    check_sums(model, result)
    model.trainable = False
    model.get_layer("frozen").trainable = True  # has no effect: the model around it is frozen
    assert count(model).trainable_params == 0
    check_sums(model, count(model))


def test_projection_is_not_a_layer_of_depth():
    model = functional(
        layers.Conv2D(8, 3, padding="same"), IdentityBlock(8), ProjectionBlock(16, strides=2)
    )
    assert count(model).depth == 5


def test_open_sides_need_an_input_shape():
    model = functional(layers.Conv2D(6, 3, padding="same"), shape=(None, None, 4))
    with pytest.raises(
        InputError, match=r"`input_shape` must .*\(None, None, 4\)\. Received: None"
    ):
        count(model)
    assert count(model, input_shape=(8, 8, 4)).multiply_adds == 64 * 9 * 4 * 6
    assert count(model, input_shape=[16, 8, 4]).multiply_adds == 128 * 9 * 4 * 6


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (0, 8, 4), (8, 8.5, 4), (None, 8, 4)])
def test_input_shape_must_fit(shape):
    model = functional(layers.Conv2D(6, 3), shape=(None, None, 4))
    with pytest.raises(InputError, match=r"`input_shape` must .*Received: \("):
        count(model, input_shape=shape)


def test_what_cannot_be_counted():
    with pytest.raises(InputError, match=r"must be a functional .*Received: 'resnet18'"):
        count("resnet18")
    with pytest.raises(InputError, match=r"Keras model that is built"):
        count(keras.Sequential([layers.Dense(3)]))


def state(model):
    return [variable.numpy() for variable in model.variables]


def check_no_traces(model):
    found = model._flatten_layers()
    assert not any("call" in vars(layer) for layer in found)
    assert model.losses == []


def test_model_is_unchanged():
    model = functional(Scaled(6), layers.Dropout(0.5, seed=1), layers.Flatten(), layers.Dense(2))
    model.compile("sgd", "mse")
    before, built = state(model), [layer.built for layer in model._flatten_layers()]
    config = model.get_config()
    first, second = count(model), count(model)
    assert first == second
    assert [layer.built for layer in model._flatten_layers()] == built
    assert model.get_config() == config
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    check_no_traces(model)


def test_layers_are_restored_after_an_error():
    class Failing(layers.Layer):
        broken = False

        def call(self, inputs):
            if self.broken:
                raise RuntimeError("broken on purpose")
            return inputs

    model = functional(layers.Dense(3), Failing())
    model.layers[-1].broken = True
    with pytest.raises(RuntimeError, match="on purpose"):
        count(model)
    check_no_traces(model)


def test_bottleneck_arithmetic():
    """Deck E: at 256 channels, two 3x3 convolutions against a bottleneck's three."""

    def stack(*convolutions):
        made = [
            layers.Conv2D(filters, size, padding="same", use_bias=False)
            for filters, size in convolutions
        ]
        return count(functional(*made, shape=(14, 14, 256)))

    basic, bottleneck = stack((256, 3), (256, 3)), stack((64, 1), (64, 3), (256, 1))
    assert (basic.params, bottleneck.params) == (1_179_648, 69_632)
    assert basic.multiply_adds == 14 * 14 * basic.params
    assert bottleneck.multiply_adds == 14 * 14 * bottleneck.params


# ---- The networks of the paper ----

# Table 1: units of conv2_x to conv5_x, bottleneck or not, the paper's "FLOPs".
TABLE_1 = {
    "resnet18": ((2, 2, 2, 2), False, 1.8e9),
    "resnet34": ((3, 4, 6, 3), False, 3.6e9),
    "resnet50": ((3, 4, 6, 3), True, 3.8e9),
    "resnet101": ((3, 4, 23, 3), True, 7.6e9),
    "resnet152": ((3, 8, 36, 3), True, 11.3e9),
}

# Derived from the paper's tables without a framework: trainable, with BN's moving statistics.
IMAGENET_PARAMS = {
    "resnet18": (11_689_512, 11_699_112),
    "resnet34": (21_797_672, 21_814_696),
    "resnet50": (25_557_032, 25_610_152),
    "resnet101": (44_549_160, 44_654_504),
    "resnet152": (60_192_808, 60_344_232),
}
SMALL_STEM_PARAMS = {
    "resnet18": (11_173_962, 11_183_562),
    "resnet34": (21_282_122, 21_299_146),
    "resnet50": (23_520_842, 23_573_962),
    "resnet101": (42_512_970, 42_618_314),
    "resnet152": (58_156_618, 58_308_042),
}
CIFAR_PARAMS = {
    "resnet20": (269_722, 271_098),
    "resnet32": (464_154, 466_426),
    "resnet44": (658_586, 661_754),
    "resnet56": (853_018, 857_082),
    "resnet110": (1_727_962, 1_736_058),
    "resnet1202": (19_421_274, 19_510_906),
}
SLOW = {"resnet152", "resnet1202"}  # seconds to half a minute to build, and again to count


def rows(table):
    return [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in table]


def table_1_multiply_adds(units, bottleneck):
    """Products of the convolutions and the dense layer of a column of Table 1 at 224x224."""
    total = 112**2 * 7 * 7 * 3 * 64
    side, channels = 56, 64
    for stage, repeats in enumerate(units):
        width = 64 * 2**stage
        out = 4 * width if bottleneck else width
        for unit in range(repeats):
            if unit == 0 and stage > 0:
                side //= 2
            if bottleneck:
                products = channels * width + 9 * width * width + width * out
            else:
                products = 9 * channels * width + 9 * width * width
            if channels != out:  # the projection, option B
                products += channels * out
            total += side**2 * products
            channels = out
    return total + channels * 1000


@functools.cache
def counted(name, **options):
    with structure_only():
        model = create_model(name, **options)
        result = count(model)
        check_sums(model, result)
    return result


@pytest.mark.parametrize("name", rows(TABLE_1))
def test_table_1(name):
    units, bottleneck, flops = TABLE_1[name]
    result = counted(name, num_classes=1000, input_shape=(224, 224, 3))
    assert (result.trainable_params, result.params) == IMAGENET_PARAMS[name]
    assert result.multiply_adds == table_1_multiply_adds(units, bottleneck)
    assert result.multiply_adds == pytest.approx(flops, rel=0.03)
    assert result.depth == int(name.removeprefix("resnet"))
    names = [stage.name for stage in result.by_stage]
    assert names == ["conv1", "conv2", "conv3", "conv4", "conv5", "predictions"]


@pytest.mark.parametrize("name", rows(SMALL_STEM_PARAMS))
def test_small_stem(name):
    result = counted(name, num_classes=10, input_shape=(32, 32, 3))
    assert (result.trainable_params, result.params) == SMALL_STEM_PARAMS[name]
    assert result.depth == int(name.removeprefix("resnet"))


def test_how_many_more_parameters_101_has_than_50():
    """Deck B's question, at 1000 classes; by Table 1 it is 17 more units of conv4_x."""
    unit = 1024 * 256 + 9 * 256 * 256 + 256 * 1024 + 2 * (256 + 256 + 1024)
    statistics = 2 * (256 + 256 + 1024)
    more = np.subtract(IMAGENET_PARAMS["resnet101"], IMAGENET_PARAMS["resnet50"])
    assert tuple(more) == (17 * unit, 17 * (unit + statistics))


@pytest.mark.parametrize("name", rows(CIFAR_PARAMS))
def test_cifar_networks(name):
    depth = int(name.removeprefix("resnet"))
    result = counted(name)
    assert (result.trainable_params, result.params) == CIFAR_PARAMS[name]
    assert result.depth == depth
    n = (depth - 2) // 6  # section 4.2: 2n layers of 9 * 16^2 products at 32x32, and so on
    inner = 9 * 16 * 16 * 32 * 32
    widening = inner // 2  # the first layer of a stage reads half the channels
    stem_and_head = 32 * 32 * 9 * 3 * 16 + 64 * 10
    assert result.multiply_adds == 6 * n * inner - 2 * widening + stem_and_head


def test_shortcuts_of_the_cifar_networks():
    option_a, option_b = counted("resnet20"), counted("resnet20", shortcut="B")
    assert option_b.trainable_params - option_a.trainable_params == 2_752
    assert option_b.non_trainable_params - option_a.non_trainable_params == 192
    assert option_b.depth == option_a.depth
    plain = counted("plain20")
    assert (plain.params, plain.multiply_adds) == (option_a.params, option_a.multiply_adds)
