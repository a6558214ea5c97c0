"""A 3-layer CNN with batch normalisation before the ReLU, after it, and without any."""

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.experiments.engine import judging
from tfresnet.experiments.engine.budget import SMALL
from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.experiments.engine.runs import Runs
from tfresnet.layers import BatchNormalization
from tfresnet.runs.record import RunRecord

ORDER = 4
CLAIM = (
    "With batch normalisation a network needs fewer steps to the same accuracy, before the "
    "activation or after it; its formulas are those of the lecture."
)
SOURCE = "deck B, task; Ioffe and Szegedy, 2015, algorithms 1 and 2, section 4.2.1"
EXPECTED = (
    "cnn3 with it needs fewer steps than cnn3 without it to a validation accuracy that all "
    "networks of a seed reach; the formulas and the layer differ by rounding alone"
)
RUNS = {
    norm: SMALL | {"model": "cnn3", "model_option": f"norm={norm}"}
    for norm in ("before", "after", "without")
}
RUNS |= {"before, rate x 5": RUNS["before"] | {"lr": 5 * SMALL["lr"]}}
BATCHES, BATCH, MOMENTUM = 20, 64, 0.9
ROUNDING = 1e-3  # of activations with a deviation of one


def measure(runs: Runs) -> dict:
    """Validation errors in percent by epoch, and the steps to an error that all networks of a seed
    reach: the worst of their best errors. One network's own best error would be a biased target:
    by chance alone, other networks reach it sooner."""
    errors = judging.by_seed(runs, lambda run: run.curve("val_top1"))
    steps = judging.by_seed(runs, lambda run: run.curve("step"))
    shared = set.intersection(*({*seeds} for seeds in errors.values()))
    targets = {seed: max(min(same[seed]) for same in errors.values()) for seed in sorted(shared)}
    return {
        "validation_error": errors,
        "target_error": targets,
        "steps": {
            name: {
                seed: _steps_to(target, seeds[seed], steps[name][seed])
                for seed, target in targets.items()
            }
            for name, seeds in errors.items()
        },
    }


def _steps_to(target, errors, steps):
    """The step at which a straight line between epochs first meets the target."""
    found = next(n for n, error in enumerate(errors) if error <= target)
    before, start = (errors[found - 1], steps[found - 1]) if found else (90.0, 0)
    share = (before - target) / max(before - errors[found], 1e-9)
    return round(start + share * (steps[found] - start))


def examine(run: RunRecord) -> dict | None:
    """Largest differences between the lecture's formulas and the layer on trained activations."""
    if run.config.model_option != {"norm": "before"}:
        return None
    images = run.dataset.train.images[: BATCHES * BATCH].astype(np.float32)
    unit = run.model.get_layer("conv1_block1")
    front = keras.Model(run.model.input, unit.input)
    maps = unit.conv(front(images)).numpy().reshape(BATCHES, BATCH, *images.shape[1:3], -1)
    return differences(maps.astype(np.float32))


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
    steps = measured["steps"]
    sooner = {
        name: judging.is_higher(steps["without"], steps[name], unit="steps")
        for name in ("before", "after")
    }
    worst = max(max(found.values()) for found in measured["networks"]["before"].values())
    why = (
        f"steps to a validation error that all reach: {judging.show(steps, '', digits=0)}; "
        f"fewer steps than without, before: {sooner['before']}, after: {sooner['after']}; formulas "
        f"and layer differ by at most {worst:.1g}"
    )
    return judging.combine([*(answer.yes for answer in sooner.values()), worst < ROUNDING]), why


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    labels = {"x": "epoch of 10,000 images", "y": "validation error (%)"}
    figure, (axes,) = chart("cnn3, normalised", **labels)
    lines(axes, measured["validation_error"])
    return {"error.png": figure}
