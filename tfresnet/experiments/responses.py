"""How strong are the responses of the layers: do redundant ones learn F(x) = 0?"""

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.experiments.engine.judging import combine
from tfresnet.experiments.engine.units import UnitChain
from tfresnet.layers.recorder import record_calls, walk_calls
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


def examine(runs: dict[str, RunRecord]) -> dict:
    """Deviations of the responses in each network, and which networks are plain."""
    return {
        "responses": {name: deviations(run) for name, run in runs.items()},
        "plain": {name: UnitChain(run.model).is_plain for name, run in runs.items()},
    }


def deviations(run: RunRecord) -> list[float]:
    """Standard deviation of each layer of the units over IMAGES validation images.

    The response of a layer is taken after its normalisation and before the ReLU or the addition.
    In units that normalise first, the last convolution has no normalisation after it.
    """
    network, found = UnitChain(run.model), []

    def run_unit(number, unit, x):
        with record_calls() as calls:
            output = unit(x, training=False)
        outputs = {id(call.layer): call.output for call in walk_calls(calls)}
        for conv, bn in unit.branch_pairs():
            response = tf.cast(outputs[id(bn or conv)], tf.float32)
            found.append(round(float(tf.math.reduce_std(response)), 5))
        return output

    network.run(tf.constant(run.held_out(IMAGES).images, tf.float32), run_unit)
    return found


def verdict(measured: dict) -> tuple[str, str]:
    means = {name: float(np.mean(values)) for name, values in measured["responses"].items()}
    plain = [mean for name, mean in means.items() if measured["plain"][name]]
    others = {name: mean for name, mean in means.items() if not measured["plain"][name]}
    answers = []
    if plain and others:
        answers.append(max(others.values()) < min(plain))
    if len(others) > 1:
        by_depth = sorted(others, key=lambda name: len(measured["responses"][name]))
        answers.append(means[by_depth[-1]] < means[by_depth[0]])
    shown = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())
    return combine(answers or [None]), f"mean deviation of the responses: {shown}"


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    figure, axes = chart("in order", "from large to small", x="layer", y="standard deviation")
    responses = measured["responses"]
    lines(axes[0], responses, markersize=3)
    falling = {name: sorted(values, reverse=True) for name, values in responses.items()}
    lines(axes[1], falling, markersize=3)
    axes[1].get_legend().remove()
    return {"responses.png": figure}
