"""How strong are the responses of the layers: do redundant ones learn F(x) = 0?"""

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import chart, style
from tfresnet.experiments.engine.judging import combined
from tfresnet.experiments.engine.units import CutOpen
from tfresnet.layers.recorder import every, recorded
from tfresnet.runs.record import RunRecord

ORDER = 10
ANY_RUNS = True
CLAIM = (
    "Residual functions are closer to zero than those of plain layers, and the more layers there "
    "are, the less each of them changes: redundant ones learn F(x) = 0."
)
SOURCE = "decks A and B; He et al., 2015, Fig. 7"
EXPECTED = "mean deviation of the responses: resnet56 below resnet20 below plain20"
RUNS = {name: {"model": name} for name in ("plain20", "plain56", "resnet20", "resnet56")}
IMAGES = 500


def measure(runs: dict[str, RunRecord]) -> dict:
    return {}


def examine(runs: dict[str, RunRecord]) -> dict:
    """Standard deviation of every unit's layers after their normalisation, before the ReLU or the
    addition, over IMAGES validation images; the last of a unit that normalises first has none."""
    return {
        "responses": {name: deviations(run) for name, run in runs.items()},
        "plain": {name: CutOpen(run.model).is_plain for name, run in runs.items()},
    }


def deviations(run: RunRecord) -> list[float]:
    network = CutOpen(run.model)
    found = []

    def run_unit(number, unit, x):
        with recorded() as calls:
            output = unit(x, training=False)
        outputs = {id(call.layer): call.output for call in every(calls)}
        found.extend(_deviation(outputs[id(bn or conv)]) for conv, bn in unit.branch_pairs())
        return output

    network.run(tf.constant(run.held_out(IMAGES).images, tf.float32), run_unit)
    return [round(value, 5) for value in found]


def _deviation(x):
    return float(tf.math.reduce_std(tf.cast(x, tf.float32)))


def verdict(measured: dict) -> tuple[str, str]:
    means = {name: float(np.mean(values)) for name, values in measured["responses"].items()}
    plain = {name: mean for name, mean in means.items() if measured["plain"][name]}
    others = {name: mean for name, mean in means.items() if name not in plain}
    answers = []
    if plain and others:
        answers.append(max(others.values()) < min(plain.values()))
    if len(others) > 1:
        by_depth = sorted(others, key=lambda name: len(measured["responses"][name]))
        answers.append(means[by_depth[-1]] < means[by_depth[0]])
    shown = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())
    return combined(answers or [None]), f"mean deviation of the responses: {shown}"


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    figure, axes = chart("in order", "from large to small", x="layer", y="standard deviation")
    for index, (name, values) in enumerate(measured["responses"].items()):
        look = style(index) | {"markersize": 3}
        numbers = np.arange(1, len(values) + 1)
        axes[0].plot(numbers, values, label=name, **look)
        axes[1].plot(numbers, sorted(values, reverse=True), label=name, **look)
        axes[0].legend()
    return {"responses.png": figure}
