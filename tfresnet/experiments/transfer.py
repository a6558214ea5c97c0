"""Three ways of transfer from five classes to five others with few pictures, and from scratch."""

import math
from statistics import fmean, stdev

import numpy as np
from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import bar_chart, chart, lines
from tfresnet.experiments.engine.judging import bar, combine, describe, is_positive
from tfresnet.results.facts import steady_seconds
from tfresnet.runs.record import RunRecord

ORDER = 12
CLAIM = (
    "A network that has learned other classes learns new ones from few pictures better than one "
    "that begins anew: trained as a whole, in its last layers, or in a new dense layer alone."
)
SOURCE = "deck E, transfer learning, three ways"
EXPECTED = (
    "resnet20, from classes 0-4 to 5-9 with 100 pictures a class: the mean test accuracy over the "
    "seeds of each of the three ways above that from scratch by more than the error bars"
)
SEEDS = (0, 1, 2)
TEST_IMAGES = 5_000
# The peak rate of each way, chosen on the held-out pictures of seed 0. Their accuracy at 0.01, 0.03
# and 0.1: scratch 68.5, 72.8 and 70.7 %, head 77.1, 78.2 and 78.7 %. At 0.01 and 0.03: all 82.9 and
# 85.7 %, last 85.4 and 85.7 %.
RATES = {"all": 0.03, "last": 0.03, "head": 0.1, "scratch": 0.03}
FEW = {"classes": "5-9", "train_size": 500, "val_size": 1000, "epochs": 40, "batch_size": 25}


MANY = {"classes": "0-4", "train_size": 22_500, "val_size": 2500}


def _run(way, seed):
    differences = {"model": "resnet20", "name": f"transfer-{way}-seed{seed}", "seed": seed}
    if way == "pretraining":
        return differences | MANY
    if way != "scratch":
        differences |= {"weights": _run("pretraining", seed), "transfer": way}
    return differences | FEW | {"lr": RATES[way]}


RUNS = {f"{way}, {seed}": _run(way, seed) for way in ("pretraining", *RATES) for seed in SEEDS}


def measure(runs: dict[str, RunRecord]) -> dict:
    """For each way, test accuracy in percent and seconds of training, as mean and deviation over
    the seeds; and the mean validation error in percent by epoch."""
    ways: dict[str, list[RunRecord]] = {}
    for label, run in runs.items():
        ways.setdefault(label.partition(",")[0], []).append(run)
    return {
        "table": {way: _row(same) for way, same in ways.items()},
        "validation_error": {
            way: np.mean([run.curve("val_top1") for run in ways[way]], axis=0).round(3).tolist()
            for way in RATES
        },
    }


def _row(runs):
    columns = {
        "accuracy": [100 - run.test_error for run in runs],
        "seconds": [_training_seconds(run.result["epoch_seconds"]) for run in runs],
    }
    row = {"seeds": len(runs)}
    for name, values in columns.items():
        deviation = stdev(values) if len(values) > 1 else 0.0
        row |= {name: round(fmean(values), 2), f"{name}_deviation": round(deviation, 2)}
    return row


def _training_seconds(epochs):
    """The first epoch also compiles and computes the features of a head: it counts as it is."""
    first, *others = epochs
    return first + steady_seconds(others)


def _bar(row):
    """Two standard errors of a mean accuracy, from the images and the seeds."""
    seeds = row["accuracy_deviation"] / math.sqrt(row["seeds"])
    return math.hypot(bar(100 - row["accuracy"], TEST_IMAGES, seeds=False), 2 * seeds)


def _is_better(row, other):
    width = math.hypot(_bar(row), _bar(other))
    return is_positive(row["accuracy"] - other["accuracy"], width)


def verdict(measured: dict) -> tuple[str, str]:
    table = measured["table"]
    better = {way: _is_better(table[way], table["scratch"]) for way in RATES if way != "scratch"}
    shown = ", ".join(
        f"{way} {row['accuracy']:.1f} % ({row['accuracy_deviation']:.1f}) in "
        f"{row['seconds']:.0f} s ({row['seconds_deviation']:.0f})"
        for way, row in table.items()
        if way in RATES
    )
    before = table["pretraining"]
    why = (
        f"test accuracy and time of training, mean of {before['seeds']} (deviation): {shown}; "
        + ", ".join(f"{way} above scratch: {describe(answer)}" for way, answer in better.items())
        + f"; the pretraining took {before['seconds']:.0f} s, to {before['accuracy']:.1f} % of its "
        "own classes"
    )
    return combine(better.values()), why


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    title, rows = "100 pictures a class", {way: measured["table"][way] for way in RATES}
    values = {way: row["accuracy"] for way, row in rows.items()}
    widths = [_bar(row) for row in rows.values()]
    accuracy = bar_chart(title, values, "what is trained", "test accuracy (%)", widths)
    error, (axes,) = chart(title, x="epoch of 500 pictures", y="validation error (%)")
    lines(axes, measured["validation_error"])
    return {"accuracy.png": accuracy, "error.png": error}
