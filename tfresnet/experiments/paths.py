"""A residual network as 2^n paths: how long they are, and which of them carry the gradient."""

import math

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.errors import InputError
from tfresnet.experiments.engine.figures import chart, style
from tfresnet.experiments.engine.judging import combined
from tfresnet.experiments.engine.units import CutOpen
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
IMAGES, DRAWS = 25, 60  # many draws: of the paths of a length, few carry most of the gradient
LECTURE_UNITS = 54
MOST = 0.9  # of the product of number and gradient


def measure(runs: dict[str, RunRecord]) -> dict:
    return {}


def examine(runs: dict[str, RunRecord]) -> dict:
    """Norms of the gradient at the input by length, a list of draws each."""
    return {"networks": {name: _by_length(run) for name, run in runs.items()}}


def _by_length(run):
    network, split = CutOpen(run.model), run.held_out(IMAGES)
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
    through = np.zeros(n, np.float32)
    through[np.random.default_rng((length, draw)).permutation(n)[:length]] = 1
    found = gradient(tf.constant(through), tf.constant(1 - through)).numpy()
    return float(np.linalg.norm(found.reshape(len(found), -1), axis=1).mean())


def input_gradient(
    network: CutOpen,
    images: tf.Tensor,
    labels: tf.Tensor,
    branches: tf.Tensor,
    shortcuts: tf.Tensor,
) -> tf.Tensor:
    """Gradient of each image's loss at the pixels, `(batch, height, width, 3)`.

    The pass forward is the whole network's. The pass back goes through branch i where
    `branches[i]` is 1, through shortcut i where `shortcuts[i]` is: both everywhere give the true
    gradient, one of the two in each unit that of a single path.
    """

    def run_unit(number, unit, x):
        branch, shortcut = unit.parts(x, training=False)
        return unit.join(_passing(branch, branches[number]), _passing(shortcut, shortcuts[number]))

    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = network.run(images, run_unit)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return tape.gradient(losses, images)


def _passing(x, gate):
    """x, with its gradient times `gate`."""
    gate = tf.cast(gate, x.dtype)
    return gate * x + tf.stop_gradient((1 - gate) * x)


def shares(n: int, gradients: dict[str, list[float]]) -> np.ndarray:
    """Share of the whole gradient by length 0 ... n: number of paths times gradient of one.

    Between the lengths that were measured the logarithm of the gradient is a straight line.
    """
    lengths = [int(length) for length in gradients]
    logs = [math.log(max(float(np.mean(values)), 1e-300)) for values in gradients.values()]
    each = np.interp(range(n + 1), lengths, logs)
    numbers = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(n + 1)
    ]
    product = np.exp(each + numbers - np.max(each + numbers))
    return product / product.sum()


def _most(share):
    """(shortest, longest) of the lengths that carry MOST, as much left out on either side."""
    sums = np.cumsum(share)
    low, high = (1 - MOST) / 2, (1 + MOST) / 2
    return int(np.searchsorted(sums, low)), int(np.searchsorted(sums, high))


def verdict(measured: dict) -> tuple[str, str]:
    answers, why = [], []
    for name, found in measured["networks"].items():
        n, gradients = found["units"], found["gradient_by_length"]
        carried = _most(shares(n, gradients))
        means = {int(length): float(np.mean(values)) for length, values in gradients.items()}
        logs = [math.log(max(mean, 1e-300)) for mean in means.values()]
        falls = float(np.polyfit([*means], logs, 1)[0])
        answers += [falls < 0, carried[1] < n / 2]
        why.append(
            f"{name}, {n} units: each unit more on a path multiplies the gradient by "
            f"{math.exp(falls):.2f}; {MOST:.0%} of it comes by {carried[0]} to {carried[1]} units, "
            f"while {MOST:.0%} of the paths have {' to '.join(map(str, _most(_binomial(n))))}"
        )
    return combined(answers), "; ".join(why)


def _binomial(n):
    return np.array([math.comb(n, k) / 2**n for k in range(n + 1)])


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    number, (lengths,) = chart("how long paths are", x="units on the path", y="share of all paths")
    one, (axes,) = chart("one path", x="units on the path", y="gradient at the input (norm)")
    product, (carried,) = chart("all paths", x="units on the path", y="share of the gradient")
    for index, (name, found) in enumerate(measured["networks"].items()):
        n, gradients = found["units"], found["gradient_by_length"]
        lengths.plot(_binomial(n), label=f"{name}, n = {n}", **style(index))
        k = [int(length) for length in gradients]
        middle = [np.mean(values) for values in gradients.values()]
        axes.semilogy(k, middle, label=name, **style(index))
        carried.plot(shares(n, gradients), label=name, **style(index))
    last = style(len(measured["networks"]))
    lengths.plot(_binomial(LECTURE_UNITS), label=f"the lecture's, n = {LECTURE_UNITS}", **last)
    for drawn in (lengths, axes, carried):
        drawn.legend()
    return {"lengths.png": number, "gradient.png": one, "product.png": product}
