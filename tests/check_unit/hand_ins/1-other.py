"""The same in other words: loops over the kernel, a table of cases, np.concatenate."""

import math

import numpy as np


def output_side(side, kernel, stride, padding):
    sides = {"same": side / stride, "valid": (side - kernel + 1) / stride}
    return math.ceil(sides[padding])


def pad(x, kernel):
    for axis in (1, 2):
        shape = list(x.shape)
        shape[axis] = kernel // 2
        x = np.concatenate([np.zeros(shape), x, np.zeros(shape)], axis)
    return x


def convolve(x, kernels, stride):
    rows, columns = (
        output_side(n, k, stride, "valid")
        for n, k in zip(x.shape[1:3], kernels.shape[:2], strict=True)
    )
    y = 0
    for u, v in np.ndindex(kernels.shape[:2]):
        seen = x[:, u::stride, v::stride][:, :rows, :columns]
        y = y + seen @ kernels[u, v]
    return y.astype("float32")


def cost(side, kernel, channels, filters, stride):
    weights = np.prod([kernel, kernel, channels, filters])
    return [weights, weights * math.ceil(side / stride) ** 2]
