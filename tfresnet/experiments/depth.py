"""Does the error fall with depth, and is width worth more than depth?"""

from statistics import fmean

from matplotlib.figure import Figure

from tfresnet.experiments.engine import judging
from tfresnet.experiments.engine.figures import chart, style
from tfresnet.experiments.engine.runs import Runs
from tfresnet.results.table import PAPER

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
TABLE_6 = {int(name.removeprefix("resnet")): error for name, error in PAPER.items()}
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
    figure, (axes,) = chart("error against depth", x="weighted layers", y="test error (%)")
    errors = {name: [*seeds.values()] for name, seeds in measured["test_error"].items()}
    here = {depth: errors[f"resnet{depth}"] for depth in DEPTHS}
    axes.plot(DEPTHS, [*map(fmean, here.values())], label="here, 10 epochs", **style(0))
    paper = {int(depth): value for depth, value in measured["table_6"].items() if int(depth) <= 110}
    axes.plot([*paper], [*paper.values()], label="Table 6, 164 epochs", **style(1))
    axes.plot([14], [fmean(errors[WIDE])], label=f"{WIDE}, twice as wide", **style(2))
    for depth, seeds in (here | {14: errors[WIDE]}).items():
        axes.plot([depth] * len(seeds), seeds, "k_")
    axes.set_ylim(bottom=0)
    axes.legend()
    return {"error.png": figure}
