"""Exercise 2: batch normalisation, forward and backward, over (batch, height, width, channels)."""

import functools

import numpy as np

from tfresnet.check_unit.exercises.judging import function

_AXES = (0, 1, 2)


def normalize(x, gamma, beta, epsilon, axes=_AXES, lost=0, outside=0):
    """`lost`: degrees of freedom taken from the variance; `outside`: epsilon behind the root."""
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, ddof=lost, keepdims=True)
    root = np.sqrt(variance + (1 - outside) * epsilon) + outside * epsilon
    y = gamma * (x - mean) / root + beta
    squeezed = (mean, variance) if axes != _AXES else (mean.ravel(), variance.ravel())
    return y, *squeezed


def _without_root(x, gamma, beta, epsilon):
    _, mean, variance = normalize(x, gamma, beta, epsilon)
    return gamma * (x - mean) / (variance + epsilon) + beta, mean, variance


def _without_scale(x, gamma, beta, epsilon):
    return normalize(x, 1, 0, epsilon)


def _with_deviation(x, gamma, beta, epsilon):
    y, mean, variance = normalize(x, gamma, beta, epsilon)
    return y, mean, np.sqrt(variance)


def update(mean, variance, batch_mean, batch_variance, count, decay, unbiased=True):
    factor = count / (count - 1) if unbiased else 1
    return (
        decay * mean + (1 - decay) * batch_mean,
        decay * variance + (1 - decay) * factor * batch_variance,
    )


def infer(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def gradient(dy, x, gamma, epsilon, by_mean=1, by_variance=1):
    """`by_mean`, `by_variance`: whether x also acts through mean and variance."""
    root = np.sqrt(x.var(_AXES) + epsilon)
    z = (x - x.mean(_AXES)) / root
    dz = dy * gamma
    dx = dz - by_mean * dz.mean(_AXES) - by_variance * z * (dz * z).mean(_AXES)
    return dx / root, (dy * z).sum(_AXES), dy.sum(_AXES)


def _maps(rng):
    for shape in ((2, 3, 4, 3), (3, 2, 2, 5)):
        x = rng.normal(3, 2, shape) * rng.uniform(0.5, 2, shape[-1])
        yield x, rng.uniform(0.5, 2, shape[-1]), rng.normal(size=shape[-1]), 0.3


def _averages(rng):
    means, variances = rng.normal(size=(2, 6)), rng.uniform(0.5, 2, (2, 6))
    for decay in (0.9, 0.7):
        yield (means[0], variances[0], means[1], variances[1], int(rng.integers(4, 9)), decay)


def _maps_and_averages(rng):
    for x, gamma, beta, epsilon in _maps(rng):
        channels = len(gamma)
        yield (x, gamma, beta, rng.normal(3, 1, channels), rng.uniform(1, 3, channels), epsilon)


def _maps_and_gradients(rng):
    for x, gamma, _, epsilon in _maps(rng):
        yield rng.normal(1, 1, x.shape), x, gamma, epsilon


CRITERIA = {
    2: (
        function(
            "normalize",
            3,
            normalize,
            _maps,
            {
                "each image": functools.partial(normalize, axes=(1, 2)),
                "batch alone": functools.partial(normalize, axes=(0,)),
                "all axes": functools.partial(normalize, axes=(0, 1, 2, 3)),
                "unbiased": functools.partial(normalize, lost=1),
                "no epsilon": lambda x, g, b, e: normalize(x, g, b, 0),
                "epsilon outside": functools.partial(normalize, outside=1),
                "no root": _without_root,
                "no scale": _without_scale,
                "exchanged": lambda x, g, b, e: normalize(x, b, g, e),
                "deviation": _with_deviation,
            },
        ),
        function(
            "update",
            2,
            update,
            _averages,
            {
                "biased": functools.partial(update, unbiased=False),
                "decay": lambda *a: update(*a[:5], 1 - a[5]),
                "mean too": lambda m, v, bm, bv, n, d: update(m, v, bm * n / (n - 1), bv, n, d),
                "batch alone": lambda m, v, bm, bv, n, d: update(m, v, bm, bv, n, 0),
                "summed": lambda m, v, bm, bv, n, d: (
                    m + (1 - d) * bm,
                    v + (1 - d) * bv * n / (n - 1),
                ),
            },
        ),
        function(
            "infer",
            2,
            infer,
            _maps_and_averages,
            {
                "batch": lambda x, g, b, m, v, e: normalize(x, g, b, e)[0],
                "no epsilon": lambda x, g, b, m, v, e: infer(x, g, b, m, v, 0),
                "no root": lambda x, g, b, m, v, e: g * (x - m) / (v + e) + b,
                "no scale": lambda x, g, b, m, v, e: infer(x, 1, 0, m, v, e),
                "deviation": lambda x, g, b, m, v, e: g * (x - m) / (v**0.5 + e) + b,
            },
        ),
        function(
            "gradient",
            3,
            gradient,
            _maps_and_gradients,
            {
                "constants": functools.partial(gradient, by_mean=0, by_variance=0),
                "constant variance": functools.partial(gradient, by_variance=0),
                "constant mean": functools.partial(gradient, by_mean=0),
                "no gamma": lambda dy, x, g, e: (
                    gradient(dy, x, 1, e)[0],
                    *gradient(dy, x, g, e)[1:],
                ),
                "averaged": lambda dy, x, g, e: (
                    gradient(dy, x, g, e)[0],
                    *(part / (x.size // len(g)) for part in gradient(dy, x, g, e)[1:]),
                ),
                "raw input": lambda dy, x, g, e: (
                    gradient(dy, x, g, e)[0],
                    (dy * x).sum(_AXES),
                    dy.sum(_AXES),
                ),
                "exchanged": lambda dy, x, g, e: (
                    gradient(dy, x, g, e)[0],
                    *gradient(dy, x, g, e)[:0:-1],
                ),
            },
        ),
    )
}
