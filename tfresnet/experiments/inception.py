"""Inception modules: naive or reduced, 5x5 or two 3x3, and three ways to a smaller grid."""

import keras
from matplotlib.figure import Figure

from tfresnet.complexity import count, structure_only
from tfresnet.experiments.engine import judging
from tfresnet.experiments.engine.budget import SMALL
from tfresnet.experiments.engine.figures import draw_test_errors
from tfresnet.experiments.engine.runs import Runs
from tfresnet.layers import InceptionModule
from tfresnet.layers.pooling import pool2d
from tfresnet.models import create_model

ORDER = 5
CLAIM = (
    "1x1 reductions make a module cheaper, two 3x3 in place of one 5x5 cost no accuracy, and a "
    "ReLU between the two helps; a grid is best reduced by pooling and convolution in parallel."
)
SOURCE = "deck B; Szegedy et al., 2014, Fig. 2; Szegedy et al., 2015, sections 2, 3.1 and 5"
EXPECTED = (
    "the reduced module has fewer parameters than the naive one and no clearly higher error; so "
    "has two 3x3 against 5x5; with the ReLU the error is lower; widening before pooling costs "
    "four times the multiply-adds of pooling first, and both in parallel cost less than either"
)
KINDS = ("naive", "reduced", "5x5", "two3x3", "linear3x3")
RUNS = {kind: SMALL | {"model": "inception3", "model_option": f"module={kind}"} for kind in KINDS}
GRID = (35, 35, 320)  # the example of the second paper, section 5, to 17x17x640
MARGIN = 2.0  # points that a cheaper module may cost


def measure(runs: Runs) -> dict:
    """Test errors and costs of the networks, and costs of the ways to reduce the grid."""
    with structure_only():
        costs = {kind: _cost(create_model("inception3", module=kind)) for kind in KINDS}
        grids = {way: _cost(_grid(way)) for way in ("pool, then widen", "widen, then pool", "both")}
    costs = {"parameters_and_multiply_adds": costs, "grid_reduction": grids}
    return judging.measure_test_errors(runs) | costs


def _cost(model):
    counted = count(model)
    return [counted.trainable_params, counted.multiply_adds]


def _grid(way: str) -> keras.Model:
    """A network from GRID to half the sides and twice the channels."""
    images, channels = keras.Input(GRID), GRID[-1]
    if way == "both":
        branches = {"conv": [(channels, 3)], "pool": ["max"]}
        options = {"strides": 2, "padding": "valid", "use_bn": False}
        return keras.Model(images, InceptionModule(branches, **options)(images))
    widen = keras.layers.Conv2D(2 * channels, 3, padding="same", use_bias=False)
    pool = pool2d("max", 3, 2, padding="valid", name="pool")
    first, second = (pool, widen) if way.startswith("pool") else (widen, pool)
    return keras.Model(images, second(first(images)))


def verdict(measured: dict) -> tuple[str, str]:
    error = measured["test_error"]
    costs = measured["parameters_and_multiply_adds"]
    grids = measured["grid_reduction"]
    ways = [grids[way] for way in ("widen, then pool", "pool, then widen", "both")]
    (_, dear), (_, cheap), (_, both) = ways
    relu = judging.is_higher(error["linear3x3"], error["two3x3"])
    reduced, two = (
        judging.is_higher(error[a], error[b], margin=MARGIN)
        for a, b in (("reduced", "naive"), ("two3x3", "5x5"))
    )
    answers = [
        costs["reduced"][0] < costs["naive"][0],
        reduced.negated().yes,
        costs["two3x3"][0] < costs["5x5"][0],
        two.negated().yes,
        relu.yes,
        3.5 < dear / cheap < 4.5 and both < cheap,
    ]
    parameters = ", ".join(f"{kind} {cost[0]:,}" for kind, cost in costs.items())
    why = (
        f"test error: {judging.show(error)}; parameters: {parameters}; reduced above naive by more "
        f"than {MARGIN:g} points: {reduced}; two3x3 above 5x5 by more than {MARGIN:g} points: "
        f"{two}; the ReLU between two 3x3 helps: {relu}; widening before pooling costs "
        f"{dear / cheap:.1f} times the multiply-adds of pooling first, and of both in parallel "
        f"{ways[0][0] / ways[2][0]:.1f} times the parameters and {dear / both:.1f} times the "
        "multiply-adds"
    )
    return judging.combine(answers), why


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    return {"error.png": draw_test_errors("inception3, by module", measured, "module")}
