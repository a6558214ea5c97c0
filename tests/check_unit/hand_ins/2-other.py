"""The same, step by step through the graph of operations, on a matrix of pixels and channels."""

import numpy as np


def normalize(x, gamma, beta, epsilon):
    pixels = x.reshape(-1, x.shape[-1])
    mean = pixels.sum(0) / len(pixels)
    variance = (pixels**2).sum(0) / len(pixels) - mean**2
    y = (pixels - mean) * (variance + epsilon) ** -0.5 * gamma + beta
    return y.reshape(x.shape), mean, variance


def update(mean, variance, batch_mean, batch_variance, count, decay):
    mean = mean - (1 - decay) * (mean - batch_mean)
    variance = variance - (1 - decay) * (variance - count * batch_variance / (count - 1))
    return mean, variance


def infer(x, gamma, beta, mean, variance, epsilon):
    scale = gamma / (variance + epsilon) ** 0.5
    return x * scale + (beta - mean * scale)


def gradient(dy, x, gamma, epsilon):
    shape, count = x.shape, x[..., 0].size
    x, dy = x.reshape(count, -1), dy.reshape(count, -1)
    centred = x - x.mean(0)
    variance = (centred**2).mean(0)
    inverse = 1 / np.sqrt(variance + epsilon)
    dz = dy * gamma
    dvariance = (dz * centred).sum(0) * -0.5 * inverse**3
    dcentred = dz * inverse + dvariance * 2 * centred / count
    dx = dcentred - dcentred.sum(0) / count
    return dx.reshape(shape), (dy * centred * inverse).sum(0), dy.sum(0)
