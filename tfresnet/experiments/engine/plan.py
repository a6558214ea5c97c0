"""Which runs are left to train, and how long they take on this machine."""

import timeit
from collections.abc import Callable
from dataclasses import replace

import keras
import tensorflow as tf

from tfresnet import models
from tfresnet.data import load_dataset
from tfresnet.experiments.engine.runs import StudyRun
from tfresnet.runs.network import build_network
from tfresnet.settings.config import TrainConfig
from tfresnet.system.hardware import choose_precision
from tfresnet.system.tables import text_table
from tfresnet.training.optimizer import SGD
from tfresnet.training.progress import duration
from tfresnet.training.step import TrainStep

STEPS = 6  # timed, after two that compile; the fastest counts
TEST_IMAGES = 3 * 10_000  # the test, then each image and its mirror image


def table(wanted: dict[str, list[StudyRun]]) -> str:
    """One row for each missing run with the first study that needs it, and the total time."""
    rows, seen, total = [], set(), 0.0
    for study, run in ((study, run) for study, runs in wanted.items() for run in runs):
        if run.path in seen or run.is_finished:
            continue
        seen.add(run.path)
        name, minutes = run.path.name, _minutes(run)
        total += minutes
        done = f"{run.epochs_done:.1f} of {run.config.epochs}"
        rows.append((study, name, done, f"{minutes:.1f}"))
        print(f"{name}: {minutes:.1f} min", flush=True)
    if not rows:
        return "nothing is left to train"
    text = text_table(("study", "run", "epochs done", "minutes left"), rows)
    return f"{text}\n{duration(60 * total)} in all"


def _minutes(run: StudyRun) -> float:
    """Estimated time of the remaining steps, validations and the test, from a few timed steps."""
    step, images = _pace(run.config)
    epochs = run.config.epochs - run.epochs_done
    evaluated = epochs * run.config.val_size + TEST_IMAGES
    return (epochs * run.steps_per_epoch * step + evaluated / images) / 60


def _pace(config: TrainConfig) -> tuple[float, float]:
    """Seconds per training step, and images per second in evaluation."""
    keras.utils.clear_session()
    dataset = load_dataset("shapes10")  # its images have the same size
    precision, _ = choose_precision("auto")
    network = build_network(replace(config, precision=precision), dataset)
    variables = network.trainable_variables
    step = TrainStep(network, SGD(variables, lr=1e-3, momentum=0.9, nesterov=True, l2=5e-4), 0.0)
    size = config.batch_size
    images = tf.constant(dataset.train.images[:size], tf.float32)
    labels = tf.constant(dataset.train.labels[:size])
    seconds = _fastest(lambda: step(images, labels, 1.0))
    forward = tf.function(models.inference_copy(network))
    batch = tf.constant(dataset.train.images[:100], tf.float32)
    return seconds, 100 / _fastest(lambda: forward(batch).numpy())


def _fastest(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=1, repeat=2 + STEPS)[2:])
