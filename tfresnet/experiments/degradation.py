"""Do deeper plain networks get worse, and do shortcuts reverse the order?"""

from matplotlib.figure import Figure

from tfresnet.experiments.engine import judging
from tfresnet.experiments.engine.figures import chart, lines
from tfresnet.experiments.engine.runs import Runs

ORDER = 1
CLAIM = (
    "A plain network of 56 layers has a higher training error than one of 20: it is not "
    "overfitting. With shortcuts the deeper network is not worse."
)
SOURCE = "decks A, B and D; He et al., 2015, Fig. 1 and 6"
EXPECTED = "training error: plain56 above plain20, resnet56 not above resnet20"
RUNS = {name: {"model": name} for name in ("plain20", "plain56", "resnet20", "resnet56")}


def measure(runs: Runs) -> dict:
    """Errors in percent by epoch: network -> split -> seed -> curve."""
    columns = {"training": "top1", "validation": "val_top1"}
    curves = {
        split: judging.by_seed(runs, lambda run, column=column: run.curve(column))
        for split, column in columns.items()
    }
    return {"error_by_epoch": {name: {k: curves[k][name] for k in curves} for name in runs}}


def verdict(measured: dict) -> tuple[str, str]:
    curves = {name: splits["training"] for name, splits in measured["error_by_epoch"].items()}
    last = judging.by_seed(curves, lambda curve: curve[-1])
    degrades = judging.is_higher(last["plain56"], last["plain20"])
    residual = judging.is_higher(last["resnet56"], last["resnet20"])
    why = (
        f"training error after the last epoch: {judging.show(last)}; plain56 above plain20: "
        f"{degrades}; resnet56 above resnet20: {residual}"
    )
    return judging.combine([degrades.yes, residual.negated().yes]), why


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    figure, axes = chart("plain", "residual", x="epoch", y="error (%)")
    for one, family in zip(axes, ("plain", "resnet"), strict=True):
        curves = {
            f"{name}, {split}": seeds
            for name, splits in measured["error_by_epoch"].items()
            if name.startswith(family)
            for split, seeds in splits.items()
        }
        lines(one, curves)
        one.set_ylim(bottom=0)
    return {"error.png": figure}
