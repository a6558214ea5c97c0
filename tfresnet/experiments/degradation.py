"""Do deeper plain networks get worse, and do shortcuts reverse the order?"""

from matplotlib.figure import Figure

from tfresnet.experiments.engine import judging
from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.runs.record import RunRecord

ORDER = 1
CLAIM = (
    "A plain network of 56 layers has a higher training error than one of 20: it is not "
    "overfitting. With shortcuts the deeper network is not worse."
)
SOURCE = "decks A, B and D; He et al., 2015, Fig. 1 and 6"
EXPECTED = "training error: plain56 above plain20, resnet56 not above resnet20"
IMAGES = 45_000
NETWORKS = ("plain20", "plain56", "resnet20", "resnet56")
RUNS = {name: {"model": name} for name in NETWORKS}


def measure(runs: dict[str, RunRecord]) -> dict:
    """Errors in percent by epoch."""
    curves = {
        name: {"training": run.curve("top1"), "validation": run.curve("val_top1")}
        for name, run in runs.items()
    }
    bars = {
        name: round(judging.bar(splits["training"][-1], IMAGES), 2)
        for name, splits in curves.items()
    }
    return {"error_by_epoch": curves, "bar_of_the_last_training_error": bars, "bar": judging.POINTS}


def verdict(measured: dict) -> tuple[str, str]:
    last = {name: measured["error_by_epoch"][name]["training"][-1] for name in NETWORKS}
    degrades = judging.is_higher(last["plain56"], last["plain20"], IMAGES)
    residual = judging.is_higher(last["resnet56"], last["resnet20"], IMAGES)
    why = (
        f"training error after the last epoch: {judging.list_errors(last)}; plain56 above plain20: "
        f"{judging.describe(degrades)}; resnet56 above resnet20: {judging.describe(residual)}"
    )
    # "Not worse" allows a tie: only a clear order the other way speaks against it.
    return judging.combine([degrades, residual is not True]), why


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    figure, axes = chart("plain", "residual", x="epoch", y="error (%)")
    for one, family in zip(axes, ("plain", "resnet"), strict=True):
        curves = {
            f"{name}, {split}": errors
            for name, splits in measured["error_by_epoch"].items()
            if name.startswith(family)
            for split, errors in splits.items()
        }
        lines(one, curves)
    return {"error.png": figure}
