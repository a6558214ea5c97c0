"""From five classes to five others with few pictures: three ways of transfer, and from scratch."""

import math
from statistics import fmean, stdev

import numpy as np
from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import bars, chart, lines
from tfresnet.experiments.engine.judging import bar, combined, said
from tfresnet.results.facts import undisturbed
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
# The highest rate of each way: the best on the pictures held out of seed 0. From scratch these had
# 68.5, 72.8 and 70.7 % at 0.01, 0.03 and 0.1, a head 77.1, 78.2 and 78.7 %; at 0.01 and 0.03 alone
# all of the network 82.9 and 85.7 %, the last stage 85.4 and 85.7 %.
RATES = {"all": 0.03, "last": 0.03, "head": 0.1, "scratch": 0.03}
FEW = {"classes": "5-9", "train_size": 500, "val_size": 1000, "epochs": 40, "batch_size": 25}


def _pretraining(seed):
    differences = {"classes": "0-4", "train_size": 22_500, "val_size": 2500, "seed": seed}
    return {"model": "resnet20", "name": f"transfer-pretraining-seed{seed}"} | differences


def _move(way, seed):
    differences = {"model": "resnet20", "name": f"transfer-{way}-seed{seed}"} | FEW
    if way != "scratch":
        differences |= {"weights": _pretraining(seed), "transfer": way}
    return differences | {"lr": RATES[way], "seed": seed}


RUNS = {f"pretraining, {seed}": _pretraining(seed) for seed in SEEDS}
RUNS |= {f"{way}, {seed}": _move(way, seed) for way in RATES for seed in SEEDS}


def measure(runs: dict[str, RunRecord]) -> dict:
    """A row a way: test accuracy in percent and seconds of training, mean and deviation over the
    seeds; and the mean validation error in percent by epoch."""
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
        "seconds": [_seconds(run.result["epoch_seconds"]) for run in runs],
    }
    row = {"seeds": len(runs)}
    for name, values in columns.items():
        deviation = stdev(values) if len(values) > 1 else 0.0
        row |= {name: round(fmean(values), 2), f"{name}_deviation": round(deviation, 2)}
    return row


def _seconds(epochs):
    """The first epoch, which compiles and makes a head's features, and the others undisturbed."""
    first, *others = epochs
    return first + undisturbed(others)


def _bar(row):
    """Two standard errors of a mean accuracy: of the images, and of the seeds."""
    seeds = row["accuracy_deviation"] / math.sqrt(row["seeds"])
    return math.hypot(bar(100 - row["accuracy"], TEST_IMAGES, seeds=False), 2 * seeds)


def _is_better(row, other):
    gain = row["accuracy"] - other["accuracy"]
    return None if abs(gain) <= math.hypot(_bar(row), _bar(other)) else gain > 0


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
        + ", ".join(f"{way} above scratch: {said(answer)}" for way, answer in better.items())
        + f"; the pretraining took {before['seconds']:.0f} s, to {before['accuracy']:.1f} % of its "
        "own classes"
    )
    return combined(better.values()), why


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    rows = {way: measured["table"][way] for way in RATES}
    accuracy, (axes,) = chart("100 pictures a class", x="what is trained", y="test accuracy (%)")
    bars(axes, {way: row["accuracy"] for way, row in rows.items()}, [*map(_bar, rows.values())])
    error, (axes,) = chart(
        "100 pictures a class", x="epoch of 500 pictures", y="validation error (%)"
    )
    lines(axes, measured["validation_error"])
    return {"accuracy.png": accuracy, "error.png": error}
