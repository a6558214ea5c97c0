"""Exercises 3 to 5: the basic unit, the projection, the bottleneck."""

import functools

import keras
import numpy as np

from tfresnet.check_unit.exercises.judging import function
from tfresnet.check_unit.exercises.layers import layers
from tfresnet.layers.residual import residual_unit

_SIDE = 9  # odd, so that Keras' own padding agrees with ours at stride 2


def unit(name, points, called, channels, filters, strides, aspects, bottleneck=False):
    """A criterion for a unit of option B; `strides` None: the function takes none."""
    shape = (4, _SIDE, _SIDE, channels)
    numbers = {"filters": filters} | ({"strides": strides} if strides else {})
    case = f"{called}-{channels}-{filters}-{strides}"
    ours = _ours(shape[1:], filters, strides or 1, bottleneck)
    return layers(name, points, "unit", called, case, shape, numbers, ours, aspects)


@functools.cache  # one object for all criteria, by which comparisons are remembered
def _ours(*arguments):
    return functools.partial(_references, *arguments)


def _references(shape, filters, strides, bottleneck):
    for in_3x3 in (False, True) if bottleneck and strides > 1 else (False,):

        def make(in_3x3=in_3x3):
            x = keras.Input(shape)
            options = {"strides": strides, "bottleneck": bottleneck, "stride_in_3x3": in_3x3}
            return keras.Model(x, residual_unit("B", shape[-1], filters, **options)(x))

        yield "", make


def zero_pad(x, filters, strides, before=0):
    x = x[:, ::strides, ::strides]
    missing = filters - x.shape[-1]
    share = int(before * missing)
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (share, missing - share)))


def _mean_pool(x, filters, strides):
    sides = [side // strides * strides for side in x.shape[1:3]]
    blocks = x[:, : sides[0], : sides[1]].reshape(
        len(x), sides[0] // strides, strides, sides[1] // strides, strides, -1
    )
    return zero_pad(blocks.mean((2, 4)), filters, 1)


def _repeat(x, filters, strides):
    x = x[:, ::strides, ::strides]
    return np.concatenate([x] * (filters // x.shape[-1]), -1)


def _maps(rng):
    return [(rng.normal(size=(2, 8, 6, 4)), 8, 2), (rng.normal(size=(2, 4, 4, 4)), 8, 2)]


def basic_weights(channels, convolutions=2, more=0):
    return convolutions * (9 * channels**2 + more * channels)


def bottleneck_weights(channels, middle=4, kernels=1, more=0):
    """`kernels`: the side of the first and last convolution."""
    narrow = channels // middle
    bias = more * (2 * narrow + channels)
    return 2 * kernels**2 * channels * narrow + 9 * narrow**2 + bias


def _channels(rng):
    return [(64,), (256,), (4 * int(rng.integers(8, 300)),)]


CRITERIA = {
    3: (
        unit("parts", 3, "basic_unit", 16, 16, None, ("parts",)),
        unit("inference", 4, "basic_unit", 16, 16, None, ("inference",)),
        unit("training", 2, "basic_unit", 16, 16, None, ("training",)),
        function(
            "basic_weights",
            1,
            basic_weights,
            _channels,
            {
                "one": functools.partial(basic_weights, convolutions=1),
                "with bias": functools.partial(basic_weights, more=1),
                "with norms": functools.partial(basic_weights, more=2),
                "no square": lambda channels: 18 * channels,
            },
        ),
    ),
    4: (
        unit("parts", 3, "projection_unit", 16, 32, 2, ("parts",)),
        unit("inference", 3, "projection_unit", 16, 32, 2, ("inference", "training")),
        unit("identity", 2, "projection_unit", 32, 32, 1, ("parts", "inference")),
        function(
            "zero_pad",
            2,
            zero_pad,
            _maps,
            {
                "pooled": _mean_pool,
                "repeated": _repeat,
                "no stride": lambda x, filters, strides: zero_pad(x, filters, 1),
                "before": functools.partial(zero_pad, before=1),
                "both sides": functools.partial(zero_pad, before=0.5),
                "odd pixels": lambda x, f, s: zero_pad(x[:, s - 1 :, s - 1 :], f, s),
            },
        ),
    ),
    5: (
        unit("parts", 3, "bottleneck_unit", 16, 16, 1, ("parts",), True),
        unit("inference", 3, "bottleneck_unit", 16, 16, 1, ("inference", "training"), True),
        unit("stride", 1, "bottleneck_unit", 32, 16, 2, ("parts", "inference"), True),
        unit("identity", 1, "bottleneck_unit", 64, 16, 1, ("parts", "inference"), True),
        function(
            "bottleneck_weights",
            2,
            bottleneck_weights,
            _channels,
            {
                "all 3x3": functools.partial(bottleneck_weights, kernels=3),
                "half": functools.partial(bottleneck_weights, middle=2),
                "not narrowed": functools.partial(bottleneck_weights, middle=1),
                "with norms": functools.partial(bottleneck_weights, more=2),
                "with bias": functools.partial(bottleneck_weights, more=1),
            },
        ),
    ),
}
