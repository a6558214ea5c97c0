"""How much gradient reaches the early stages, with shortcuts and without, by depth."""

import math
from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.data import Dataset
from tfresnet.experiments.engine.budget import make_config
from tfresnet.experiments.engine.figures import chart, style
from tfresnet.experiments.engine.judging import combine, is_positive
from tfresnet.models import stage_of
from tfresnet.runs.network import build_network
from tfresnet.runs.record import RunRecord
from tfresnet.training.step import cross_entropy

ORDER = 9
ANY_RUNS = True
CLAIM = (
    "The shortcut hands the gradient on to the early layers as it is; without it, the gradient is "
    "a product of as many factors as there are layers, and drifts with depth."
)
SOURCE = "deck C, derivation of the gradient; He et al., 2015, section 4.1"
EXPECTED = (
    "before training, the ratio of the gradients of the first and the last stage is further from "
    "that of 20 layers in the plain network of 110 than in the residual one"
)
FAMILIES, DEPTHS = ("plain", "resnet"), (20, 32, 44, 56, 110)
RUNS = {name: {"model": name} for name in ("plain20", "plain56", "resnet20", "resnet56")}
BATCHES, BATCH = 3, 64


def examine(runs: dict[str, RunRecord]) -> dict:
    """Norms of the gradient of each stage's weights: a list over batches for each stage."""
    data = next(iter(runs.values())).dataset
    depths = DEPTHS if data.name == "cifar10" else DEPTHS[:1]  # shapes10 only tries the program
    start = {}
    for name in (f"{family}{depth}" for family in FAMILIES for depth in depths):
        config = replace(make_config({"model": name}), precision="float32")
        start[name] = norms(build_network(config, data), data)
    return {
        "before_training": start,
        "after_training": {name: norms(run.model, run.dataset) for name, run in runs.items()},
    }


def norms(model: keras.Model, data: Dataset) -> dict[str, list[float]]:
    """L2 norms of the gradient of the training loss by stage, a list over batches each."""
    found: dict[str, list[float]] = {}
    for number in range(BATCHES):
        batch = slice(number * BATCH, (number + 1) * BATCH)
        images = tf.constant(data.train.images[batch], tf.float32)
        with tf.GradientTape() as tape:
            loss = cross_entropy(data.train.labels[batch], model(images, training=True))
        squares: Counter[str] = Counter()
        gradients = tape.gradient(loss, model.trainable_variables)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            squares[stage_of(variable.path)] += float(np.square(gradient).sum())
        for stage, square in squares.items():
            found.setdefault(stage, []).append(round(math.sqrt(square), 6))
    return found


def first_to_last(by_stage: dict[str, list[float]]) -> np.ndarray:
    """log10 of the gradient of the first stage of units over that of the last, by batch."""
    stages = [stage for stage in by_stage if stage.startswith("conv") and stage != "conv1"]
    return np.log10(by_stage[stages[0]]) - np.log10(by_stage[stages[-1]])


def verdict(measured: dict) -> tuple[str, str]:
    start = measured["before_training"]
    ends = {}
    for family in FAMILIES:
        names = [name for name in start if name.startswith(family)]
        shallow, deep = first_to_last(start[names[0]]), first_to_last(start[names[-1]])
        width = 2 * math.hypot(shallow.std(), deep.std()) / BATCHES**0.5
        ends[family] = abs(deep.mean() - shallow.mean()), width, deep.mean(), names[-1]
    difference = ends["plain"][0] - ends["resnet"][0]
    width = math.hypot(ends["plain"][1], ends["resnet"][1])
    why = "before training, gradient of the first stage by that of the last: " + ", ".join(
        f"{name} {10**ratio:.3g} (10^{drift:.2f} from the shallowest)"
        for drift, _, ratio, name in ends.values()
    )
    why += "; after it: " + ", ".join(
        f"{name} {10 ** first_to_last(stages).mean():.3g}"
        for name, stages in measured["after_training"].items()
    )
    return combine([is_positive(difference, width)]), why


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    start, end = measured["before_training"], measured["after_training"]
    before, axes = chart(*FAMILIES, x="stage", y="gradient before training (norm)")
    for one, family in zip(axes, FAMILIES, strict=True):
        _draw(one, {name: stages for name, stages in start.items() if name.startswith(family)})
    after, (one,) = chart("after training", x="stage", y="gradient (norm)")
    _draw(one, end)
    return {"before.png": before, "after.png": after}


def _draw(axes, networks):
    for index, (name, stages) in enumerate(networks.items()):
        axes.semilogy([np.mean(found) for found in stages.values()], label=name, **style(index))
        axes.set_xticks(range(len(stages)), [*stages], rotation=20)
    axes.legend()
