"""How strong are the responses of the layers, with shortcuts and without, by depth?"""

import itertools

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.experiments.engine.judging import by_seed, combine, is_higher, show
from tfresnet.experiments.engine.runs import Runs
from tfresnet.experiments.engine.units import UnitChain
from tfresnet.layers.recorder import record_calls, walk_calls
from tfresnet.runs.record import RunRecord

ORDER = 10
ANY_RUNS = True
CLAIM = (
    "Residual functions are closer to zero than those of plain layers, and the more layers there "
    "are, the less each of them changes."
)
SOURCE = "decks A and B; He et al., 2015, Fig. 7"
EXPECTED = (
    "mean deviation of the responses: resnet20 below plain20, resnet56 below plain56 and resnet20"
)
RUNS = {name: {"model": name} for name in ("plain20", "plain56", "resnet20", "resnet56")}
IMAGES = 500


def examine(run: RunRecord) -> dict:
    """Deviations of the responses of the network, and whether it is plain."""
    return {"responses": deviations(run), "plain": UnitChain(run.model).is_plain}


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
    networks = {name: next(iter(seeds.values())) for name, seeds in measured["networks"].items()}
    means = by_seed(measured["networks"], lambda found: float(np.mean(found["responses"])))
    layers = {name: len(found["responses"]) for name, found in networks.items()}
    answers = {
        f"{b} below {a}": is_higher(means[a], means[b], unit="of deviation")
        for a, b in itertools.permutations(networks, 2)
        if not networks[b]["plain"]
        and (layers[a] == layers[b] if networks[a]["plain"] else layers[a] < layers[b])
    }
    every = [found for seeds in measured["networks"].values() for found in seeds.values()]
    smallest = min(min(found["responses"]) for found in every)
    why = (
        f"mean deviation of the responses: {show(means, '', digits=3)}; "
        + "".join(f"{label}: {answer}; " for label, answer in answers.items())
        + f"no layer is at zero: the smallest deviation is {smallest:.2f}"
    )
    return combine([answer.yes for answer in answers.values()] or [None]), why


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    figure, axes = chart("in order", "from large to small", x="layer", y="standard deviation")
    responses = by_seed(measured["networks"], lambda found: found["responses"])
    lines(axes[0], responses, markersize=3)
    lines(axes[1], by_seed(responses, lambda found: sorted(found, reverse=True)), markersize=3)
    axes[0].set_ylim(bottom=0)
    axes[1].get_legend().remove()
    return {"responses.png": figure}
