"""A 3-layer CNN with batch normalisation before the ReLU, after it, and without any."""

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.experiments.engine.budget import SMALL
from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.experiments.engine.judging import bar, combined, said
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
    norm: SMALL | {"model": "cnn3", "model_option": f"norm={norm}"} for norm in ("before", "after")
}
RUNS |= {"without": SMALL | {"model": "cnn3", "model_option": "norm=without"}}
RUNS |= {"before, rate x 5": RUNS["before"] | {"lr": 5 * SMALL["lr"]}}
BATCHES, BATCH, MOMENTUM = 20, 64, 0.9
ROUNDING = 1e-3  # of activations with a deviation of one


def measure(runs: dict[str, RunRecord]) -> dict:
    """Validation errors in percent by epoch; steps to the best error of the network without,
    and to an error that is an error bar above it and below it."""
    errors = {name: run.curve("val_top1") for name, run in runs.items()}
    target = min(errors["without"])
    goals = target + bar(target, 5_000), target, target - bar(target, 5_000)
    steps = {
        name: [_steps_to(goal, errors[name], run.curve("step")) for goal in goals]
        for name, run in runs.items()
    }
    return {"validation_error": errors, "target_error": target, "steps_near_at_below": steps}


def _steps_to(target, errors, steps):
    """Where a straight line between epochs first meets the target; None: nowhere."""
    before = 90.0, 0
    for error, step in zip(errors, steps, strict=True):
        if error <= target:
            share = (before[0] - target) / max(before[0] - error, 1e-9)
            return round(before[1] + share * (step - before[1]))
        before = error, step
    return None


def examine(runs: dict[str, RunRecord]) -> dict:
    """Largest differences between the lecture's formulas and the layer, on real activations."""
    run = runs["before"]
    images = run.dataset.train.images[: BATCHES * BATCH].astype(np.float32)
    unit = run.model.get_layer("conv1_block1")
    front = keras.Model(run.model.input, run.model.get_layer("conv1_block1").input)
    maps = unit.conv(front(images)).numpy().reshape(BATCHES, BATCH, *images.shape[1:3], -1)
    return {"largest_difference": differences(maps.astype(np.float32))}


def differences(batches: np.ndarray) -> dict[str, float]:
    """The layer against the formulas, fed `(batches, batch, height, width, channels)`."""
    layer = BatchNormalization(momentum=MOMENTUM)
    layer.build(batches.shape[1:])
    average = tf.train.ExponentialMovingAverage(MOMENTUM)
    mean = tf.Variable(tf.zeros(batches.shape[-1]))
    variance = tf.Variable(tf.ones(batches.shape[-1]))
    average.apply([mean, variance])  # begins with these, as the layer does
    worst, values = 0.0, np.prod(batches.shape[1:4])
    for x in batches:
        m, v = tf.nn.moments(x, axes=[0, 1, 2])
        expected = tf.nn.batch_normalization(x, m, v, layer.beta, layer.gamma, layer.epsilon)
        worst = max(worst, np.abs(layer(x, training=True) - expected).max())
        mean.assign(m)
        variance.assign(v * values / (values - 1))  # unbiased, of m values a channel
        average.apply([mean, variance])
    means, variances = average.average(mean), average.average(variance)
    offset = layer.beta, layer.gamma, layer.epsilon
    expected = tf.nn.batch_normalization(batches[-1], means, variances, *offset)
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
        f"without, before: {said(sooner[0])}, after: {said(sooner[1])}; formulas and layer differ "
        f"by at most {worst:.1g}"
    )
    return combined([*sooner, worst < ROUNDING]), why


def _is_sooner(steps, without):
    near, _, below = steps
    if below is not None and below < without:
        return True
    return False if near is None or near >= without else None


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    figure, (axes,) = chart(
        "cnn3, normalised", x="epoch of 10,000 images", y="validation error (%)"
    )
    lines(axes, measured["validation_error"])
    return {"error.png": figure}
