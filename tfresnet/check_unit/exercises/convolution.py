"""Exercise 1: convolution and padding by hand. Maps are (batch, height, width, channels), kernels
(height, width, channels in, channels out)."""

import functools

import numpy as np

from tfresnet.check_unit.exercises.judging import function


def output_side(side, kernel, stride, padding):
    return -(-side // stride) if padding == "same" else (side - kernel) // stride + 1


def pad(x, kernel, value="constant", first=None, axes=(1, 2)):
    """`first`: the share of the kernel's overhang that stands before the first row, else half."""
    before = (kernel - 1) // 2 if first is None else first * (kernel - 1)
    width = [(before, kernel - 1 - before) if axis in axes else (0, 0) for axis in range(4)]
    return np.pad(x, width, mode=value)


def convolve(x, kernels, stride, steps=None, lost=0):
    """`steps`: strides of rows and columns if they differ; `lost`: rows and columns left out."""
    rows, columns = steps or (stride, stride)
    windows = np.lib.stride_tricks.sliding_window_view(x, kernels.shape[:2], axis=(1, 2))
    windows = windows[:, ::rows, ::columns]
    windows = windows[:, : windows.shape[1] - lost, : windows.shape[2] - lost]
    return np.einsum("nhwcij,ijco->nhwo", windows, kernels)


def cost(side, kernel, channels, filters, stride, bias=0, all_pixels=False, depthwise=False):
    weights = kernel * kernel * (1 if depthwise else channels) * filters
    pixels = side**2 if all_pixels else output_side(side, kernel, stride, "same") ** 2
    return weights + bias * filters, weights * pixels


def _sides(rng):
    return [(int(rng.integers(20, 60)), 3, 2, "valid")] + [
        (int(side), int(kernel), int(stride), padding)
        for padding in ("same", "valid")
        for stride in (1, 2, 3)
        for side, kernel in zip(rng.integers(20, 60, 3), (1, 3, 5), strict=True)
    ]


def _maps(rng):
    return [(rng.normal(size=(2, 6, 7, 3)), kernel) for kernel in (1, 3, 5)]


def _maps_and_kernels(rng):
    shapes = [((2, 9, 8, 3), (3, 3, 3, 4), 1), ((2, 9, 8, 3), (3, 3, 3, 4), 2)]
    shapes += [((1, 7, 11, 4), (1, 1, 4, 2), 2), ((1, 11, 9, 2), (3, 5, 2, 2), 2)]
    return [(rng.normal(size=x), rng.normal(size=k), stride) for x, k, stride in shapes]


def _layers(rng):
    channels = [int(number) for number in rng.integers(3, 300, 4)]
    return [(32, 3, *channels[:2], 1), (31, 3, *channels[2:], 2), (56, 1, 64, 128, 2)]


CONVOLUTION = (
    function(
        "output_side",
        2,
        output_side,
        _sides,
        {
            "no plus one": lambda n, k, s, p: -(-n // s) if p == "same" else (n - k) // s,
            "no stride": lambda n, k, s, p: n if p == "same" else n - k + 1,
            "floor": lambda n, k, s, p: n // s if p == "same" else (n - k) // s + 1,
            "ceil": lambda n, k, s, p: -(-n // s) if p == "same" else -(-(n - k + 1) // s) + 1,
            "no kernel": lambda n, k, s, p: -(-n // s) if p == "same" else n // s,
        },
    ),
    function(
        "pad",
        2,
        pad,
        _maps,
        {
            "edges": functools.partial(pad, value="edge"),
            "one side": functools.partial(pad, first=0),
            "before": functools.partial(pad, first=1),
            "batch too": functools.partial(pad, axes=(0, 1, 2)),
            "wrong axes": functools.partial(pad, axes=(2, 3)),
            "too much": lambda x, k: pad(x, 2 * k - 1),
            "always one": lambda x, k: pad(x, 3),
        },
    ),
    function(
        "convolve",
        4,
        convolve,
        _maps_and_kernels,
        {
            "flipped": lambda x, k, s: convolve(x, k[::-1, ::-1], s),
            "transposed": lambda x, k, s: (
                convolve(x, k.transpose(1, 0, 2, 3), s)
                if k.shape[0] == k.shape[1]
                else convolve(x, k, s)
            ),
            "first channel": lambda x, k, s: convolve(x[..., :1], k[:, :, :1], s),
            "no stride": lambda x, k, s: convolve(x, k, 1),
            "last lost": functools.partial(convolve, lost=1),
            "rows only": lambda x, k, s: convolve(x, k, s, steps=(s, 1)),
            "mean": lambda x, k, s: convolve(x, k, s) / np.prod(k.shape[:3]),
            "channels swapped": lambda x, k, s: convolve(x[..., ::-1], k, s),
        },
    ),
    function(
        "cost",
        2,
        cost,
        _layers,
        {
            "with bias": functools.partial(cost, bias=1),
            "no stride": functools.partial(cost, all_pixels=True),
            "no channels": functools.partial(cost, depthwise=True),
            "exchanged": lambda *a: cost(*a)[::-1],
            "twice": lambda *a: (cost(*a)[0], 2 * cost(*a)[1]),
        },
    ),
)
CRITERIA = {1: CONVOLUTION}
