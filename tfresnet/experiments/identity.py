"""A toy: how well stacked nonlinear layers learn the identity, with shortcuts and without."""

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet.data import Dataset
from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.experiments.engine.judging import combine, is_higher, show
from tfresnet.experiments.engine.runs import Runs
from tfresnet.layers import BatchNormalization

ORDER = 14
CLAIM = (
    "The identity is hard for stacked nonlinear layers, and the harder the more layers there are; "
    "with shortcuts it is easier."
)
SOURCE = "deck A; He et al., 2015, section 3.1"
EXPECTED = (
    "normalised dense layers with ReLU that learn to hand 16 numbers on: the error of 16 layers "
    "above that of 2, and above that of 16 layers in residual units"
)
RUNS: dict[str, dict] = {}  # trains its own networks in a minute
DEPTHS, SEEDS, INITIALISATIONS = (2, 4, 8, 16), 1, 3
WIDTH, STEPS, BATCH, RATE = 16, 1_500, 128, 1e-3


def explore(data: Dataset | None) -> dict:
    """Mean squared error after training, of inputs with a mean square of 1: kind -> depth ->
    seed -> error."""
    return {
        kind: {
            str(depth): {
                str(seed): learn_identity(depth, kind == "shortcuts", seed)
                for seed in range(INITIALISATIONS)
            }
            for depth in DEPTHS
        }
        for kind in ("plain", "shortcuts")
    }


def learn_identity(depth: int, shortcuts: bool, seed: int, steps: int = STEPS) -> float:
    """Trains `depth` layers by Adam to hand on WIDTH numbers of 0 and more, as behind a ReLU;
    returns the error on new ones, statistics of the batch included."""
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((WIDTH,))
    for _ in range(depth // 2):  # pairs of layers, as in a residual unit
        y = _layer(keras.layers.ReLU()(_layer(x)))
        x = keras.layers.ReLU()(x + y if shortcuts else y)
    network = keras.Model(inputs, x)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network(batch, training=True) - batch))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply(gradients)

    random = np.random.default_rng(seed)
    for _ in range(steps):
        step(tf.constant(np.abs(random.normal(size=(BATCH, WIDTH))), tf.float32))
    new = np.abs(random.normal(size=(2_000, WIDTH))).astype(np.float32)
    return float(np.square(network(new, training=True) - new).mean())


def _layer(x):
    x = keras.layers.Dense(WIDTH, use_bias=False, kernel_initializer="he_normal")(x)
    return BatchNormalization()(x)


def verdict(measured: dict) -> tuple[str, str]:
    plain, shortcuts = (measured["explored"][kind] for kind in ("plain", "shortcuts"))
    shallow, deep = str(DEPTHS[0]), str(DEPTHS[-1])
    depth = is_higher(plain[deep], plain[shallow], unit="of error")
    help_ = is_higher(plain[deep], shortcuts[deep], unit="of error")
    shown = {f"{n} plain layers": seeds for n, seeds in plain.items()}
    shown |= {f"{n} with shortcuts": seeds for n, seeds in shortcuts.items()}
    why = (
        f"mean squared error of the identity: {show(shown, '', digits=3)}; {deep} above "
        f"{shallow} plain layers: {depth}; {deep} plain ones above {deep} with shortcuts: {help_}"
    )
    return combine([depth.yes, help_.yes]), why


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    figure, (axes,) = chart("learning the identity", x="layers", y="mean squared error")
    curves = {
        kind: {seed: [depths[n][seed] for n in depths] for seed in next(iter(depths.values()))}
        for kind, depths in measured["explored"].items()
    }
    lines(axes, curves)
    axes.set_xticks(range(1, 1 + len(DEPTHS)), DEPTHS)
    axes.set_ylim(bottom=0)
    return {"error.png": figure}
