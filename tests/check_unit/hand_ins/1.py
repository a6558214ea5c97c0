"""Exercise 1, solved."""

import numpy as np


def output_side(side, kernel, stride, padding):
    if padding == "same":
        return (side + stride - 1) // stride
    return (side - kernel) // stride + 1


def pad(x, kernel):
    p = (kernel - 1) // 2
    return np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))


def convolve(x, kernels, stride):
    kh, kw, _, filters = kernels.shape
    height = output_side(x.shape[1], kh, stride, "valid")
    width = output_side(x.shape[2], kw, stride, "valid")
    y = np.zeros((len(x), height, width, filters))
    for i in range(height):
        for j in range(width):
            window = x[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
            y[:, i, j] = np.tensordot(window, kernels, 3)
    return y


def cost(side, kernel, channels, filters, stride):
    weights = kernel**2 * channels * filters
    return weights, weights * output_side(side, kernel, stride, "same") ** 2
