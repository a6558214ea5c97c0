"""How much gradient reaches the early stages, with shortcuts and without, by depth."""

import math
import statistics
from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.data import Dataset
from tfresnet.experiments.engine.budget import make_config
from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.experiments.engine.judging import by_seed, combine, is_higher
from tfresnet.experiments.engine.runs import Runs
from tfresnet.models import stage_of
from tfresnet.runs.network import build_network
from tfresnet.runs.record import RunRecord
from tfresnet.training.step import AUXILIARY_WEIGHT, cross_entropy

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
AUXILIARY = "googlenet"
RUNS = {name: {"model": name} for name in ("plain20", "plain56", "resnet20", "resnet56")}
INITIALISATIONS, BATCH = 5, 64


def explore(data: Dataset) -> dict:
    """Norms of the gradient before training: network -> seed -> stage -> norm."""
    depths = DEPTHS if data.name == "cifar10" else DEPTHS[:1]  # shapes10 only tries the program
    networks = {f"{family}{depth}": {} for family in FAMILIES for depth in depths}
    for helped in (True, False):
        name = f"{AUXILIARY} with{'' if helped else 'out'} auxiliary classifiers"
        networks[name] = {"model": AUXILIARY, "model_option": f"auxiliary={helped}"}
    return {
        name: {
            str(seed): norms(_initial({"model": name, "seed": seed} | settings, data), data, seed)
            for seed in range(INITIALISATIONS)
        }
        for name, settings in networks.items()
    }


def _initial(settings, data):
    keras.utils.clear_session()
    return build_network(replace(make_config(settings), precision="float32"), data)


def examine(run: RunRecord) -> dict[str, float]:
    """Norms of the gradient after training: stage -> norm."""
    return norms(run.model, run.dataset, run.config.seed)


def norms(model: keras.Model, data: Dataset, number: int = 0) -> dict[str, float]:
    """L2 norms of the gradient of the training loss on one batch by stage."""
    batch = slice(number * BATCH, (number + 1) * BATCH)
    labels = data.train.labels[batch]
    with tf.GradientTape() as tape:
        outputs = model(tf.constant(data.train.images[batch], tf.float32), training=True)
        first, *others = outputs if isinstance(outputs, list) else [outputs]
        loss = cross_entropy(labels, first)
        loss += AUXILIARY_WEIGHT * sum(cross_entropy(labels, one) for one in others)
    squares: Counter[str] = Counter()
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        squares[stage_of(variable.path)] += float(np.square(gradient).sum())
    return {stage: round(math.sqrt(square), 6) for stage, square in squares.items()}


def first_to_last(by_stage: dict[str, float]) -> float:
    """log10 of the gradient of the first stage of units over that of the last."""
    stages = [stage for stage in by_stage if stage.startswith("conv") and stage != "conv1"]
    return math.log10(by_stage[stages[0]]) - math.log10(by_stage[stages[-1]])


def verdict(measured: dict) -> tuple[str, str]:
    start, why = measured["explored"], []
    drifts = {}
    for family in FAMILIES:
        chains = {name: seeds for name, seeds in start.items() if name.startswith(family)}
        names, ratios = [*chains], [*by_seed(chains, first_to_last).values()]
        shallow, deep = ratios[0], ratios[-1]
        drifts[family] = {seed: abs(deep[seed] - shallow[seed]) for seed in deep}
        ratios = sorted(10**value for value in deep.values())
        why.append(f"{names[-1]} {ratios[0]:,.3g} to {ratios[-1]:,.3g}")
    farther = is_higher(drifts["plain"], drifts["resnet"], unit="powers of ten")
    after = (
        f"{name} {np.mean([10 ** first_to_last(stages) for stages in seeds.values()]):.3g}"
        for name, seeds in measured["networks"].items()
    )
    with_, without = (
        {seed: stages["conv1"] for seed, stages in seeds.items()}
        for name, seeds in start.items()
        if name.startswith(AUXILIARY)
    )
    helped = statistics.fmean(with_[seed] / without[seed] for seed in with_)
    return combine([farther.yes]), (
        f"gradient of the first stage by that of the last before training, {INITIALISATIONS} "
        f"initialisations: {', '.join(why)}; the plain one drifts farther from its shallowest: "
        f"{farther}; after training: {', '.join(after)}; auxiliary classifiers multiply the first "
        f"gradient of {AUXILIARY} by {helped:.2f}"
    )


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    start = measured["explored"]
    before, axes = chart(*FAMILIES, x="stage", y="gradient before training (norm)")
    for one, family in zip(axes, FAMILIES, strict=True):
        _draw(one, {name: seeds for name, seeds in start.items() if name.startswith(family)})
    after, (one,) = chart("after training", x="stage", y="gradient (norm)")
    _draw(one, measured["networks"])
    return {"before.png": before, "after.png": after}


def _draw(axes, networks):
    lines(axes, by_seed(networks, lambda stages: [*stages.values()]))
    axes.set_yscale("log")
    stages = next(iter(next(iter(networks.values())).values()))
    axes.set_xticks(range(1, 1 + len(stages)), [*stages], rotation=20)
