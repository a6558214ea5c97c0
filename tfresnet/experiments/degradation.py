"""Do deeper plain networks get worse, and do shortcuts turn the order round?"""

from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.experiments.engine.judging import POINTS, bar, combined, is_higher, said
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
    bars = {name: round(bar(splits["training"][-1], IMAGES), 2) for name, splits in curves.items()}
    return {"error_by_epoch": curves, "bar_of_the_last_training_error": bars, "bar": POINTS}


def verdict(measured: dict) -> tuple[str, str]:
    last = {name: row["training"][-1] for name, row in measured["error_by_epoch"].items()}
    degrades = is_higher(last["plain56"], last["plain20"], IMAGES)
    residual = is_higher(last["resnet56"], last["resnet20"], IMAGES)
    why = (
        "training error after the last epoch: "
        + ", ".join(f"{name} {last[name]:.2f} %" for name in NETWORKS)
        + f"; plain56 above plain20: {said(degrades)}; resnet56 above resnet20: {said(residual)}"
    )
    # "Not worse" needs no distance: only a clear order the other way speaks against it.
    return combined([degrades, residual is not True]), why


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
