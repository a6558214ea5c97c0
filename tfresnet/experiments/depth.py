"""Does the error fall with depth, and is width worth more than depth?"""

from statistics import fmean

from matplotlib.figure import Figure

from tfresnet.experiments.engine import judging
from tfresnet.experiments.engine.budget import BUDGET
from tfresnet.experiments.engine.figures import error_by_depth, style
from tfresnet.experiments.engine.runs import Runs
from tfresnet.results.depths import TABLE_6

ORDER = 2
CLAIM = (
    "Deeper residual networks have a lower error (Table 6), and after the view of a residual "
    "network as an ensemble, wider ones do better still."
)
SOURCE = "decks B and D; He et al., 2015, Table 6; Zagoruyko and Komodakis, 2016"
EXPECTED = (
    "test error: resnet56 below resnet20; wrn16_2, which has the parameters and the operations of "
    "resnet44 in 14 layers of twice the width, below resnet44"
)
DEPTHS = (20, 32, 44, 56)
WIDE = "wrn16_2"
RUNS = {f"resnet{depth}": {"model": f"resnet{depth}"} for depth in DEPTHS} | {WIDE: {"model": WIDE}}
NOT_RUN = {
    "resnet110": "twice the time of resnet56, and it needs a warm-up of its own",
    "resnet1202": "days",
    "wrn16_4": "four times the operations of wrn16_2: as much as half of all other runs together",
}


def measure(runs: Runs) -> dict:
    return judging.measure_test_errors(runs) | {"table_6": TABLE_6, "not_run": NOT_RUN}


def verdict(measured: dict) -> tuple[str, str]:
    error = measured["test_error"]
    deeper = judging.is_higher(error["resnet20"], error["resnet56"])
    wider = judging.is_higher(error["resnet44"], error[WIDE])
    why = (
        f"test error: {judging.show(error)}; resnet56 below resnet20: {deeper}; {WIDE} below "
        f"resnet44 at equal cost: {wider}"
    )
    return judging.combine([deeper.yes, wider.yes]), why


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    errors = {name: [*seeds.values()] for name, seeds in measured["test_error"].items()}
    here = {depth: errors[f"resnet{depth}"] for depth in DEPTHS}
    figure = error_by_depth(here, BUDGET["epochs"], TABLE_6)
    (axes,) = figure.axes
    axes.plot([14], [fmean(errors[WIDE])], label=f"{WIDE}, twice as wide", **style(2))
    axes.plot([14] * len(errors[WIDE]), errors[WIDE], "k_")
    axes.legend()
    return {"error.png": figure}
