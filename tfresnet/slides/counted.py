"""The slides' numbers, counted from built Keras layers. None is typed in."""

import functools
import math
from collections.abc import Callable, Iterator

import keras

from tfresnet.complexity import count, structure_only
from tfresnet.layers import Conv2D, ConvBN, IdentityBlock, InceptionModule
from tfresnet.models import create_model, stage_of
from tfresnet.models.alexnet import KERNELS, WIDTHS
from tfresnet.models.googlenet import MODULES, POOLED, branches
from tfresnet.slides.stated import EXAMPLE, NIN_SIZES, SLIDES

# What is counted of a whole network; a key is the name of a quantity, a slash, and the network.
_QUANTITIES = {
    "params": lambda found: found.trainable_params,
    "flops": lambda found: found.multiply_adds,
    "layers": lambda found: found.depth,
    "dense": lambda found: _dense_share(found, "params"),
    "ops": lambda found: _dense_share(found, "multiply_adds"),
}
_VARIANTS = {f"alexnet {widths}": {"widths": widths} for widths in WIDTHS}
_VARIANTS |= {f"resnet{depth} option A": {"shortcut": "A"} for depth in (18, 34)}
_VARIANTS |= {"nin cifar": {"stem": "cifar", "batch_norm": False, "input_shape": (32, 32, 3)}}


def count_all() -> dict[str, int | float | str]:
    """Every number by key: exact and without unit; output shapes as text."""
    with structure_only():
        networks = functools.cache(_count_network)
        found = dict(_networks(networks)) | dict(_comparisons(networks))
        parts = (_worked_example, _nin, _googlenet, _separable, _modules)
        parts += (_factorisations, _grid_reduction, _inception_v3, _units, _resnets)
        return found | {key: value for part in parts for key, value in part()}


def _count_network(network):
    name, *_ = network.split()
    return count(create_model(name, **_VARIANTS.get(network, {})))


def _networks(networks: Callable) -> Iterator:
    yield "params/alexnet", networks("alexnet").params
    for key in (one.key for one in SLIDES):
        quantity, _, network = key.partition("/")
        if quantity in _QUANTITIES and network not in ("alexnet groups", "resnet1202"):
            yield key, _QUANTITIES[quantity](networks(network))


def _comparisons(networks: Callable) -> Iterator:
    alexnet = networks("alexnet")
    in_two_towers = alexnet.params - _split_convolutions(groups=1) + _split_convolutions(groups=2)
    yield "params/alexnet groups", in_two_towers
    yield "dense/alexnet groups", _dense_share(alexnet) * alexnet.params / in_two_towers
    for depth in (18, 34):
        residual, plain = networks(f"resnet{depth} option A"), networks(f"plain{depth}")
        yield f"more/resnet{depth} option A", residual.params - plain.params
    params = {name: networks(name).trainable_params for name in ("resnet50", "resnet101")}
    for name, number in params.items():
        yield f"{name}/alexnet", number / alexnet.params
    yield "101/more", params["resnet101"] - params["resnet50"]
    yield "101/share", params["resnet101"] / params["resnet50"] - 1


def _dense_share(found, quantity="params"):
    dense = (getattr(row, quantity) for row in found.by_layer if row.kind == "Dense")
    return sum(dense) / getattr(found, quantity)


def _split_convolutions(groups):
    """Parameters of the convolutions that read one tower: the second, fourth and fifth."""
    total = 0
    for number in (2, 4, 5):
        before, filters = WIDTHS["2012"][number - 2 : number]
        layer = Conv2D(filters, KERNELS[number - 2], groups=groups, use_bias=True)
        layer.build((None, None, None, before))
        total += layer.count_params()
    return total


def _stack(channels, *layers):
    """Kernel weights of a sequence of layers, without biases and batch normalisation."""
    x = keras.Input((None, None, channels))
    for layer in layers:
        x = layer(x)
    kernels = [v for layer in layers for v in layer.variables if "kernel" in v.name]
    return sum(math.prod(kernel.shape) for kernel in kernels)


def _worked_example() -> Iterator:
    x, before, after = EXAMPLE
    yield "example/plain", (after - before) / before
    yield "example/residual", ((after - x) - (before - x)) / (before - x)


def _nin() -> Iterator:
    small = create_model("nin", **_VARIANTS["nin cifar"] | {"input_shape": (None, None, 3)})
    for size in NIN_SIZES:
        yield f"nin/{size}/output", _shape(small(keras.Input((size, size, 3))))
        yield f"nin/{size}/ops", count(small, (size, size, 3)).multiply_adds


def _googlenet() -> Iterator:
    model = create_model("googlenet")
    costs = {stage.name: stage.multiply_adds for stage in count(model).by_stage}
    pools = {"conv1": "pool1", "conv2": "pool2"} | POOLED
    rows = {"conv1": ["conv1"], "conv2": ["conv2_block1", "conv2_block2"]}
    rows |= {name: [f"inception{name}"] for name in MODULES} | {"linear": ["predictions"]}
    for row, names in rows.items():
        layers = [model.get_layer(name) for name in names]
        yield f"googlenet/{row}/output", _shape(layers[-1].output)
        yield f"googlenet/{row}/params", sum(layer.count_params() for layer in layers)
        yield f"googlenet/{row}/ops", costs[stage_of(names[0])]
        if row in pools:
            yield f"googlenet/{row}/pooled", _shape(model.get_layer(pools[row]).output)


def _separable() -> Iterator:
    """GoogLeNet's first convolution as a separable one with 8 maps a channel."""
    model = create_model("googlenet")
    first = model.get_layer("conv1").conv
    separable = keras.layers.SeparableConv2D(
        first.filters, first.kernel_size, first.strides, padding="same", depth_multiplier=8
    )
    output = separable(keras.Input(model.input_shape[1:]))
    kernels = separable.depthwise_kernel, separable.pointwise_kernel
    positions = output.shape[1] * output.shape[2]
    yield "googlenet/conv1 separable/params", separable.count_params()
    yield "googlenet/conv1 separable/ops", positions * sum(math.prod(k.shape) for k in kernels)


def _modules() -> Iterator:
    before = create_model("googlenet").get_layer("inception3a").input.shape[-1]
    naive = InceptionModule(branches("3a", naive=True), use_bn=False)
    improved = InceptionModule(branches("3a"), use_bn=False)
    yield "naive/params", _stack(before, naive)
    yield "naive/improved", _stack(before, improved)
    yield "naive/channels", naive.output.shape[-1]
    yield "naive/wider", naive.output.shape[-1] / before
    yield "naive/plain", _stack(before, Conv2D(improved.output.shape[-1], 3))


def _factorisations() -> Iterator:
    channels = 64  # any number: it cancels

    def weights(*kernels):
        return _stack(channels, *(Conv2D(channels, kernel) for kernel in kernels))

    yield "factorisation/5x5", 1 - weights(3, 3) / weights(5)
    yield "factorisation/7x7", 1 - weights(3, 3, 3) / weights(7)
    yield "factorisation/3x3", 1 - weights(2, 2) / weights(3)
    yield "factorisation/1x3", 1 - weights((1, 3), (3, 1)) / weights(3)
    yield "factorisation/1x7", 1 - weights((1, 7), (7, 1)) / weights(7)


def _grid_reduction() -> Iterator:
    """Half the side and twice the channels by convolution and pooling (v3, section 5)."""
    side, channels = 32, 64  # any numbers: they cancel

    def cost(side, filters, strides=1):
        x = keras.Input((side, side, channels))
        return count(keras.Model(x, Conv2D(filters, 3, strides)(x)))

    widening_first = cost(side, 2 * channels)
    others = {"first": cost(side // 2, 2 * channels), "parallel": cost(side, channels, strides=2)}
    for name, other in others.items():
        yield f"grid/params {name}", widening_first.params // other.params
        yield f"grid/ops {name}", widening_first.multiply_adds // other.multiply_adds


def _inception_v3() -> Iterator:
    model = create_model("inception_v3")
    modules = [layer.name for layer in model.layers if layer.name.startswith("mixed")]
    after = {name: _shape(model.get_layer(name).output) for name in modules}
    for row in ("conv1", "conv2", "conv3", "pool1", "conv4", "conv5"):
        yield f"inception_v3/{row}", _shape(model.get_layer(row).input)
    yield "inception_v3/conv6", _shape(model.get_layer("pool2").input)  # published code: a pooling
    yield "inception_v3/modules at 35x35", _shape(model.get_layer(modules[0]).input)
    for side, first in (("17x17", "mixed3"), ("8x8", "mixed8")):
        yield f"inception_v3/modules at {side}", after[first]
    last = model.get_layer(modules[-1]).output
    yield "inception_v3/average pooling", _shape(last)
    yield "inception_v3/dense layer", _shape(keras.layers.AveragePooling2D(last.shape[1])(last))
    for side in ("35x35", "17x17", "8x8"):
        found = [name for name in modules if after[name].startswith(side)]
        found = found[1:] if side == "8x8" else found  # the reduction to it stands apart
        yield f"inception_v3/number {side}", len(found)
    # The rows of the paper's Table 1 that the published code and our network change.
    x = model.get_layer("pool1").output
    changed = (("conv5", 80, 1, "valid"), ("conv6", 192, 2, "valid"))
    for row, filters, strides, padding in (*changed, ("modules at 35x35", 288, 1, "same")):
        x = ConvBN(filters, 3, strides, padding=padding)(x)
        yield f"paper/inception_v3/{row}", _shape(x)


def _units() -> Iterator:
    yield "unit/basic 64", _stack(64, IdentityBlock(64))
    yield "unit/basic 256", _stack(256, IdentityBlock(256))
    yield "unit/bottleneck 256", _stack(256, IdentityBlock(64, bottleneck=True))
    x = keras.Input((56, 56, 64))
    yield "unit/projection", _shape(Conv2D(2 * x.shape[-1], 1, strides=2)(x))


def _resnets() -> Iterator:
    model = create_model("resnet18")
    for stage in ("conv1", "conv2", "conv3", "conv4", "conv5"):
        last = [layer for layer in model.layers if stage_of(layer.name) == stage][-1]
        yield f"side/{stage}", last.output.shape[1]
    model = create_model("resnet110")
    yield "unit/number", sum(isinstance(layer, IdentityBlock) for layer in model.layers)
    # 1202 = 6 * 200 + 2 layers: resnet110 plus 200 - 18 units per stage.
    last_units = [model.get_layer(f"conv{stage}_block18") for stage in (2, 3, 4)]
    yield "params/resnet1202", _trainable(model) + (200 - 18) * sum(map(_trainable, last_units))


def _trainable(layer):
    return sum(math.prod(v.shape) for v in layer.trainable_variables)


def _shape(tensor):
    return "x".join(str(side) for side in tensor.shape[1:])
