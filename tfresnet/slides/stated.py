"""The slides' numbers about networks that can be counted. No other file repeats them.

Numbers are text, as printed, which keeps their precision.
"""

from dataclasses import dataclass

# The units of the slides. K is 1024 in GoogLeNet's table, which rounds 64 * 64 + 9 * 64 * 192
# weights and their biases to "112K", and 1024 * 1000 to "1000K".
UNITS = {"": 1, "%": 0.01, "K": 1024, "M": 10**6, "G": 10**9}

WORKED_EXAMPLE = ("6", "6.1", "6.2")  # input, output, output one step later
NIN_SIZES = (32, 48, 224)  # our choice, for the question about images of several sizes


@dataclass(frozen=True)
class Stated:
    """One number on a slide, or a question to the reader (`text` is None).

    `key` names the counted number. A shape, such as "112x112x64", has no unit.
    """

    deck: str
    key: str
    what: str
    text: str | None
    unit: str = ""


def _nin():
    for size in NIN_SIZES:
        what = f"NIN, these weights on {size}x{size}"
        yield Stated("B", f"nin/{size}/output", f"{what}: output", None)
        yield Stated("B", f"nin/{size}/ops", f"{what}: operations", None, "M")


def _googlenet():
    table = (  # row, output, parameters in K, operations in M
        ("conv1", "112x112x64", "2.7", "34"),
        ("conv2", "56x56x192", "112", "360"),
        ("3a", "28x28x256", "159", "128"),
        ("3b", "28x28x480", "380", "304"),
        ("4a", "14x14x512", "364", "73"),
        ("4b", "14x14x512", "437", "88"),
        ("4c", "14x14x512", "463", "100"),
        ("4d", "14x14x528", "580", "119"),
        ("4e", "14x14x832", "840", "170"),
        ("5a", "7x7x832", "1072", "54"),
        ("5b", "7x7x1024", "1388", "71"),
        ("linear", "1000", "1000", "1"),
    )
    pooled = {"conv1": "56x56x64", "conv2": "28x28x192", "3b": "14x14x480", "4e": "7x7x832"}
    for row, output, params, ops in table:
        yield Stated("B", f"googlenet/{row}/output", f"GoogLeNet {row}: output", output)
        yield Stated("B", f"googlenet/{row}/params", f"GoogLeNet {row}: parameters", params, "K")
        yield Stated("B", f"googlenet/{row}/ops", f"GoogLeNet {row}: operations", ops, "M")
        if row in pooled:
            what = f"GoogLeNet, max pooling after {row}: output"
            yield Stated("B", f"googlenet/{row}/pooled", what, pooled[row])
    key, what = "googlenet/conv1 separable", "GoogLeNet conv1, if separable"
    yield Stated("B", f"{key}/params", f"{what}: parameters", "2.7", "K")
    yield Stated("B", f"{key}/ops", f"{what}: operations", "34", "M")


def _grid_reduction():
    others = (("first", "pooling first", "2", "4"), ("parallel", "both in parallel", None, None))
    for key, other, params, ops in others:
        what = "Widening before pooling: times the"
        yield Stated("B", f"grid/params {key}", f"{what} parameters of {other}", params)
        yield Stated("B", f"grid/ops {key}", f"{what} operations of {other}", ops)


def _inception_v3():
    """The slide prints the input of each row: the output of the row before."""
    inputs = {"conv1": "299x299x3", "conv2": "149x149x32", "conv3": "147x147x32"}
    inputs |= {"pool1": "147x147x64", "conv4": "73x73x64", "conv5": "71x71x80"}
    inputs |= {"conv6": "35x35x192", "modules at 35x35": "35x35x288"}
    inputs |= {"modules at 17x17": "17x17x768", "modules at 8x8": "8x8x1280"}
    inputs |= {"average pooling": "8x8x2048", "dense layer": "1x1x2048"}
    for row, shape in inputs.items():
        yield Stated("B", f"inception_v3/{row}", f"Inception v3, {row}: input", shape)
    numbers = {"35x35": "3", "17x17, with the reduction to it": "5"}
    numbers |= {"8x8, without the reduction to it": "2"}
    for place, number in numbers.items():
        key = f"inception_v3/number {place.partition(',')[0]}"
        yield Stated("B", key, f"Inception v3: modules at {place}", number)


def _resnets():
    flops = {"resnet18": "1.8", "resnet34": "3.6", "resnet50": "3.8"}
    flops |= {"resnet101": "7.6", "resnet152": "11.3"}
    for name, text in flops.items():
        yield Stated("A-E", f"flops/{name}", f"Table 1, {name}: multiply-adds", text, "G")
    sides = {"conv1": "112", "conv2": "56", "conv3": "28", "conv4": "14", "conv5": "7"}
    for stage, text in sides.items():
        yield Stated("A-E", f"side/{stage}", f"Table 1, {stage}: side of the output", text)
    for name in flops:
        what = f"{name}: layers with weights, without those beside a branch"
        yield Stated("C", f"layers/{name}", what, name.removeprefix("resnet"))
    for name, text in (("alexnet", "7"), ("vgg16", "16"), ("vgg19", "19"), ("googlenet", "22")):
        yield Stated("B", f"layers/{name}", f"{name}: layers with weights", text)
    for name, text in (("vgg19", "19.6"), ("plain34", "3.6"), ("resnet34 option A", "3.6")):
        yield Stated("C", f"flops/{name}", f"{name}: multiply-adds", text, "G")
    params = {20: "0.27", 32: "0.46", 44: "0.66", 56: "0.85", 110: "1.7", 1202: "19.4"}
    for depth, text in params.items():
        yield Stated("D", f"params/resnet{depth}", f"Table 6, resnet{depth}: parameters", text, "M")
    for depth in (18, 34):
        what = f"resnet{depth}, option A, over plain{depth}: more parameters"
        yield Stated("D", f"more/resnet{depth} option A", what, "0")
    yield Stated("B", "unit/basic 64", "Basic unit at 64 channels: weights", "73728")
    yield Stated("E", "unit/basic 256", "Two 3x3 at 256 channels: weights", "1179648")
    yield Stated("B, E", "unit/bottleneck 256", "Bottleneck at 256 channels: weights", "69632")
    projected = "56x56x64 by 128 1x1 filters of stride 2: output"
    yield Stated("B", "unit/projection", projected, "28x28x128")
    yield Stated("B", "unit/number", "resnet110: units, the n of its 2^n paths", "54")
    yield Stated("B", "101/more", "ResNet-101 over ResNet-50: more parameters", None, "M")
    yield Stated("B", "101/share", "ResNet-101 over ResNet-50: more parameters", None, "%")
    yield Stated("B", "resnet50/alexnet", "ResNet-50's parameters in AlexNet's", None, "%")
    yield Stated("B", "resnet101/alexnet", "ResNet-101's parameters in AlexNet's", None, "%")


_STEP = "Input {}, output {}, then {}".format(*WORKED_EXAMPLE)

SLIDES = (
    Stated("A", "example/plain", f"{_STEP}: change of H(x)", "1.6", "%"),
    Stated("A", "example/residual", f"{_STEP}: change of F(x) = H(x) - x", "100", "%"),
    # One 95 % stands on the slide, without the form of AlexNet that it is of.
    Stated("B", "dense/alexnet 2014", "AlexNet, later form: dense layers' share", "95", "%"),
    Stated("B", "dense/alexnet 2012", "AlexNet in one tower: dense layers' share", None, "%"),
    Stated("B", "dense/alexnet groups", "AlexNet in two towers: dense layers' share", None, "%"),
    Stated("B", "dense/vgg19", "VGG-19: dense layers' share", "86", "%"),
    Stated("B", "ops/alexnet 2012", "AlexNet in one tower: their share of operations", None, "%"),
    Stated("B", "ops/vgg19", "VGG-19: their share of operations", None, "%"),
    Stated("B", "params/nin", "NIN, ImageNet form: parameters", None),
    Stated("B", "params/nin cifar", "NIN, CIFAR-10 form: parameters", None),
    *_nin(),
    Stated("B", "naive/channels", "Naive module with 3a's filters: output channels", "416"),
    Stated("B", "naive/wider", "Naive module with 3a's filters: of its input channels", None, "%"),
    Stated("B", "naive/params", "Naive module with 3a's filters: weights", None),
    Stated("B", "naive/improved", "Improved module 3a: weights", None),
    Stated("B", "naive/plain", "Plain 3x3 convolution to as many channels as 3a: weights", None),
    *_googlenet(),
    Stated("B", "factorisation/5x5", "Saving of two 3x3 for one 5x5", "28", "%"),
    Stated("B", "factorisation/7x7", "Saving of three 3x3 for one 7x7", "45", "%"),
    Stated("B", "factorisation/3x3", "Saving of two 2x2 for one 3x3", "11", "%"),
    Stated("B", "factorisation/1x3", "Saving of 1x3 + 3x1 for 3x3", "33", "%"),
    Stated("B", "factorisation/1x7", "Saving of 1x7 + 7x1 for 7x7", "71", "%"),
    *_grid_reduction(),
    *_inception_v3(),
    *_resnets(),
)
