"""A residual network as 2^n paths: how long are they, and which of them carry the gradient?"""

import math

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.errors import InputError
from tfresnet.experiments.engine.figures import chart, style
from tfresnet.experiments.engine.judging import combine, is_higher, show
from tfresnet.experiments.engine.runs import Runs
from tfresnet.experiments.engine.units import UnitChain
from tfresnet.runs.record import RunRecord

ORDER = 8
ANY_RUNS = True
CLAIM = (
    "A network of n residual units is an ensemble of 2^n paths; the gradient falls with the "
    "length of a path, so that those which train the network are short."
)
SOURCE = "deck B; Veit et al., 2016, sections 3 and 4.3, Fig. 6"
EXPECTED = "the gradient at the input falls with length; most of it comes by less than half of n"
RUNS = {"resnet56": {"model": "resnet56"}}
IMAGES, DRAWS = 25, 60  # few of the paths of a length carry most of the gradient
LECTURE_UNITS = 54
MOST = 0.9  # of the product of number and gradient


def examine(run: RunRecord) -> dict:
    """Norms of the gradient at the input by length of the path, a list of draws each."""
    network, split = UnitChain(run.model), run.held_out(IMAGES)
    if network.is_plain:
        raise InputError(f"paths need shortcuts. Received: {run.path}")
    n = len(network.units)
    images, labels = tf.constant(split.images, tf.float32), tf.constant(split.labels)
    gradient = tf.function(lambda *open_: input_gradient(network, images, labels, *open_))
    norms = {}
    for length in sorted({*range(min(n, 12) + 1), *range(0, n, max(1, n // 9)), n}):
        draws = 1 if length in (0, n) else DRAWS
        norms[str(length)] = [_norm(gradient, n, length, draw) for draw in range(draws)]
    return {"units": n, "gradient_by_length": norms}


def _norm(gradient, n, length, draw):
    path = np.zeros(n, np.float32)
    path[np.random.default_rng((length, draw)).permutation(n)[:length]] = 1
    found = gradient(tf.constant(path), tf.constant(1 - path)).numpy()
    return float(np.linalg.norm(found.reshape(len(found), -1), axis=1).mean())


def input_gradient(network: UnitChain, images, labels, branches, shortcuts) -> tf.Tensor:
    """Gradient of each image's loss at the pixels, `(batch, height, width, 3)`.

    The forward pass is that of the whole network. The backward pass goes through branch i if
    `branches[i]` is 1 and through shortcut i if `shortcuts[i]` is 1. All ones give the true
    gradient; one of the two in each unit gives the gradient of a single path.
    """

    def run_unit(number, unit, x):
        branch, shortcut = unit.parts(x, training=False)
        shortcut = _gate_gradient(shortcut, shortcuts[number])
        return unit.join(_gate_gradient(branch, branches[number]), shortcut)

    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = network.run(images, run_unit)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return tape.gradient(losses, images)


def _gate_gradient(x, gate):
    """Returns x, whose gradient is multiplied by `gate`."""
    gate = tf.cast(gate, x.dtype)
    return gate * x + tf.stop_gradient((1 - gate) * x)


def shares(n: int, gradients: dict[str, list[float]]) -> np.ndarray:
    """Share of the whole gradient by length 0 ... n: number of paths times gradient of one path.

    The logarithm of the gradient is interpolated linearly between the measured lengths.
    """
    each = np.interp(range(n + 1), *_log_means(gradients))
    numbers = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(n + 1)
    ]
    product = np.exp(each + numbers - np.max(each + numbers))
    return product / product.sum()


def _log_means(gradients):
    """The measured lengths, and the logarithm of the mean gradient of each."""
    means = (float(np.mean(values)) for values in gradients.values())
    return [int(length) for length in gradients], [math.log(max(mean, 1e-300)) for mean in means]


def _central_range(share):
    """Shortest and longest length of the central part that holds the share MOST."""
    low, high = np.searchsorted(np.cumsum(share), ((1 - MOST) / 2, (1 + MOST) / 2))
    return int(low), int(high)


def verdict(measured: dict) -> tuple[str, str]:
    answers, why = [], []
    for name, seeds in measured["networks"].items():
        n = next(iter(seeds.values()))["units"]
        slopes, carried, half, none = {}, {}, {}, {}
        for seed, found in seeds.items():
            gradients = found["gradient_by_length"]
            slopes[seed] = float(np.polyfit(*_log_means(gradients), 1)[0])
            carried[seed] = _central_range(shares(n, gradients))
            half[seed], none[seed] = n / 2, 0.0
        longest = {seed: most for seed, (_, most) in carried.items()}
        falls = is_higher(none, slopes, unit="in the logarithm")
        short = is_higher(half, longest, unit="units")
        answers += [falls.yes, short.yes]
        first, last = _central_range(_binomial(n))
        each = {seed: math.exp(slope) for seed, slope in slopes.items()}
        why.append(
            f"{name}, {n} units: each unit more on a path multiplies the gradient by"
            f"{show({'': each}, '')}; it falls with length: {falls}; {MOST:.0%} of it comes by "
            f"{min(least for least, _ in carried.values())} to {max(longest.values())} units, "
            f"while {MOST:.0%} of the paths have {first} to {last}; all within half of the units: "
            f"{short}"
        )
    return combine(answers), "; ".join(why)


def _binomial(n):
    return np.array([math.comb(n, k) / 2**n for k in range(n + 1)])


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    number, (lengths,) = chart("how long paths are", x="units on the path", y="share of all paths")
    one, (axes,) = chart("one path", x="units on the path", y="gradient at the input (norm)")
    product, (carried,) = chart("all paths", x="units on the path", y="share of the gradient")
    for index, (name, seeds) in enumerate(measured["networks"].items()):
        n = next(iter(seeds.values()))["units"]
        lengths.plot(_binomial(n), label=f"{name}, n = {n}", **style(index))
        for seed, found in seeds.items():
            gradients = found["gradient_by_length"]
            look = style(index) | {"label": f"{name}, seed {seed}", "alpha": 0.6}
            means = [np.mean(values) for values in gradients.values()]
            axes.semilogy([*map(int, gradients)], means, **look)
            carried.plot(shares(n, gradients), **look)
    last = style(len(measured["networks"]))
    lengths.plot(_binomial(LECTURE_UNITS), label=f"the lecture's, n = {LECTURE_UNITS}", **last)
    for drawn in (lengths, axes, carried):
        drawn.legend()
    return {"lengths.png": number, "gradient.png": one, "product.png": product}
