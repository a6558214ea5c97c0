"""Our units, modules and networks that a student's definition is compared with."""

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence

import keras

from tfresnet.check_unit.parts import NORM, Part, align, list_parts, orders
from tfresnet.errors import InputError
from tfresnet.layers import ConvBN, InceptionModule
from tfresnet.layers.recorder import record_calls
from tfresnet.layers.residual import residual_unit
from tfresnet.models import create_model
from tfresnet.models.googlenet import branches

# Channels, filters and stride of the units in the paper's networks. The first case is the only one
# for a unit without strides.
UNITS = {
    "basic": ((64, 64, 1), (64, 128, 2)),
    "bottleneck": ((256, 64, 1), (64, 64, 1), (256, 128, 2)),
}
# Channels before a module, and its numbers: those of GoogLeNet's 3a in the order of the table, and
# those of the second block of Network in Network, where a 5x5 has as many as both 1x1.
MODULES = {
    "naive": (192, (64, 128, 32)),
    "inception": (192, (64, 96, 128, 16, 32, 32)),
    "mlpconv": (96, (256,)),
}
MLP_KERNEL = 5


def units(kind: str, shape: tuple, filters: int, strides: int) -> Iterator[tuple[str, Callable]]:
    """Name and builder of each form of a unit: shortcut options, places of the stride."""
    options = {"strides": strides, "bottleneck": kind == "bottleneck"}
    places = (False, True) if options["bottleneck"] and strides > 1 else (False,)
    for option, in_3x3 in itertools.product("BAC", places):

        def make(option=option, in_3x3=in_3x3):
            x = keras.Input(shape)
            unit = residual_unit(option, shape[-1], filters, stride_in_3x3=in_3x3, **options)
            return keras.Model(x, unit(x))

        yield f"our {kind} unit, shortcut option {option}{', stride in the 3x3' * in_3x3}", make


def modules(kind: str, shape: tuple) -> Iterator[tuple[str, Callable]]:
    """Name and builder of a module without and with batch normalisation."""
    for use_bn in (False, True):

        def make(use_bn=use_bn):
            x = y = keras.Input(shape)
            if kind == "mlpconv":
                for kernel in (MLP_KERNEL, 1, 1):
                    y = ConvBN(*MODULES[kind][1], kernel, use_bn=use_bn)(y)
                return keras.Model(x, y)
            module = InceptionModule(branches("3a", naive=kind == "naive"), use_bn=use_bn)
            return keras.Model(x, module(x))

        words = "" if kind == "mlpconv" else " module with the filters of 3a"
        yield f"our {kind}{words}, {'with' if use_bn else 'without'} batch normalisation", make


def networks(name: str, input_shape: tuple, num_classes: int) -> Iterator[tuple[str, Callable]]:
    """Name and builder of each form of a network: stems, shortcut options."""
    given = {"input_shape": input_shape, "num_classes": num_classes}
    residual = re.fullmatch(r"resnet\d+", name)
    options = [{"shortcut": option} for option in "BAC"] if residual else [{}]
    for stem, option in itertools.product(("cifar", "imagenet"), options):
        words = "".join(f", shortcut option {value}" for value in option.values())
        make = functools.partial(create_model, name, stem=stem, **given, **option)
        yield f"our {name}{words}, {stem} stem", make


def nearest(
    parts: Sequence[Part], references: Iterator[tuple[str, Callable]]
) -> tuple[list, str, keras.Model]:
    """The most similar reference: pairs of its parts and theirs, its name and its model.

    Raises:
        InputError: no reference takes an image of this size.
    """
    best = refusal = None
    for words, make in references:
        try:
            with record_calls() as calls:
                ours = make()
        except InputError as error:  # the stem is too coarse for a small image
            refusal = error
            continue
        for order in orders(list_parts(calls, ours), parts):
            pairs = align(order, parts)
            cost = sum(_cost(our, their) for our, their in pairs)
            if best is None or cost < best[0]:
                best = cost, pairs, words, ours
        if best[0] == 0:
            break
    if best is None:
        raise refusal
    return best[1:]


def _cost(our, their):
    """A missing layer is further away than a missing normalisation or another stride."""
    if our and their:
        return int(their.strides is not None and our.strides != their.strides)
    return 1 if (our or their).kind == NORM else 2
