"""A 3-layer CNN with batch normalisation before the ReLU, after it, and without any."""

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.experiments.engine.budget import SMALL
from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.experiments.engine.judging import bar, combine, describe
from tfresnet.layers import BatchNormalization
from tfresnet.runs.record import RunRecord

ORDER = 4
CLAIM = (
    "With batch normalisation a network needs fewer steps to the same accuracy, before the "
    "activation or after it; its formulas are those of the lecture."
)
SOURCE = "deck B, task; Ioffe and Szegedy, 2015, algorithms 1 and 2, section 4.2.1"
EXPECTED = (
    "cnn3 with it reaches the best validation accuracy of cnn3 without it in fewer steps; the "
    "formulas and the layer differ by rounding alone"
)
RUNS = {
    norm: SMALL | {"model": "cnn3", "model_option": f"norm={norm}"}
    for norm in ("before", "after", "without")
}
RUNS |= {"before, rate x 5": RUNS["before"] | {"lr": 5 * SMALL["lr"]}}
BATCHES, BATCH, MOMENTUM = 20, 64, 0.9
ROUNDING = 1e-3  # of activations with a deviation of one


def measure(runs: dict[str, RunRecord]) -> dict:
    """Validation errors in percent by epoch, and the steps to three targets: the best error of the
    network without normalisation, and the errors one bar above and below it."""
    errors = {name: run.curve("val_top1") for name, run in runs.items()}
    target = min(errors["without"])
    width = bar(target, 5_000)
    goals = target + width, target, target - width
    steps = {
        name: [_steps_to(goal, errors[name], run.curve("step")) for goal in goals]
        for name, run in runs.items()
    }
    return {"validation_error": errors, "target_error": target, "steps_near_at_below": steps}


def _steps_to(target, errors, steps):
    """The step at which a straight line between epochs first meets the target; None: never."""
    before = 90.0, 0
    for error, step in zip(errors, steps, strict=True):
        if error <= target:
            share = (before[0] - target) / max(before[0] - error, 1e-9)
            return round(before[1] + share * (step - before[1]))
        before = error, step
    return None


def examine(runs: dict[str, RunRecord]) -> dict:
    """Largest differences between the lecture's formulas and the layer on trained activations."""
    run = runs["before"]
    images = run.dataset.train.images[: BATCHES * BATCH].astype(np.float32)
    unit = run.model.get_layer("conv1_block1")
    front = keras.Model(run.model.input, unit.input)
    maps = unit.conv(front(images)).numpy().reshape(BATCHES, BATCH, *images.shape[1:3], -1)
    return {"largest_difference": differences(maps.astype(np.float32))}


def differences(batches: np.ndarray) -> dict[str, float]:
    """Largest differences between our layer and the formulas of the lecture.

    Args:
        batches: input of the layer, `(batches, batch, height, width, channels)`.
    """
    layer = BatchNormalization(momentum=MOMENTUM)
    layer.build(batches.shape[1:])
    settings = layer.beta, layer.gamma, layer.epsilon
    average = tf.train.ExponentialMovingAverage(MOMENTUM)
    mean, variance = (tf.Variable(fill(batches.shape[-1])) for fill in (tf.zeros, tf.ones))
    average.apply([mean, variance])  # starts from 0 and 1, as the layer does
    worst, n = 0.0, np.prod(batches.shape[1:4])
    for x in batches:
        m, v = tf.nn.moments(x, axes=[0, 1, 2])
        expected = tf.nn.batch_normalization(x, m, v, *settings)
        worst = max(worst, np.abs(layer(x, training=True) - expected).max())
        mean.assign(m)
        variance.assign(v * n / (n - 1))  # the unbiased variance
        average.apply([mean, variance])
    means, variances = average.average(mean), average.average(variance)
    expected = tf.nn.batch_normalization(batches[-1], means, variances, *settings)
    return {
        "training": float(worst),
        "moving_mean": float(np.abs(layer.moving_mean - means).max()),
        "moving_variance": float(np.abs(layer.moving_variance / variances - 1).max()),
        "inference": float(np.abs(layer(batches[-1], training=False) - expected).max()),
    }


def verdict(measured: dict) -> tuple[str, str]:
    steps = measured["steps_near_at_below"]
    without = steps["without"][1]
    sooner = [_is_sooner(steps[name], without) for name in ("before", "after")]
    worst = max(measured["largest_difference"].values())
    shown = ", ".join(f"{name} {at or 'never'}" for name, (_, at, _) in steps.items())
    why = (
        f"steps to {measured['target_error']:.2f} % validation error: {shown}; clearly sooner than "
        f"without, before: {describe(sooner[0])}, after: {describe(sooner[1])}; formulas and layer "
        f"differ by at most {worst:.1g}"
    )
    return combine([*sooner, worst < ROUNDING]), why


def _is_sooner(steps, without):
    near, _, below = steps
    if below is not None and below < without:
        return True
    return None if near is not None and near < without else False


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    labels = {"x": "epoch of 10,000 images", "y": "validation error (%)"}
    figure, (axes,) = chart("cnn3, normalised", **labels)
    lines(axes, measured["validation_error"])
    return {"error.png": figure}
