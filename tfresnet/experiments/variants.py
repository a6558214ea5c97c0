"""Small studies of one change each: figures of a short training, without a verdict."""

from matplotlib.figure import Figure

from tfresnet.experiments.engine.budget import SMALL
from tfresnet.experiments.engine.figures import draw_bars
from tfresnet.experiments.engine.judging import by_seed
from tfresnet.experiments.engine.runs import Runs

ORDER = 13
ANY_RUNS = True
SEEDS = 1
CLAIM = (
    "Label smoothing, RMSProp, augmentation, weight decay, dropout, the scale of the inputs, scale "
    "and shift of batch normalisation, kernels below 3x3, grid reductions, auxiliary classifiers "
    "and depth on ImageNet's plan each change what a network learns."
)
SOURCE = "decks A, B and C"
EXPECTED = "no verdict: one seed, few images and few epochs show what is large, and prove nothing"
FEW = {"train_size": 5_000, "val_size": 1_000, "epochs": 3, "lr": 0.02}
_RESNET, _CNN = {"model": "resnet20", "train_size": 10_000}, SMALL | {"model": "cnn3"}
_NIN = {"model": "nin", "train_size": 10_000, "epochs": 5, "lr": 0.02}
_PLAIN_CNN = _CNN | {"model_option": "norm=without"}
_RAW = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "name": "cnn3-pixels-from-0-to-1"}


def _modules(**options: str):
    return {
        label: SMALL | {"model": "inception3", "model_option": option}
        for label, option in options.items()
    }


GROUPS = {
    "label smoothing": {"none": _RESNET, "0.1": _RESNET | {"label_smoothing": 0.1}},
    "optimiser": {"SGD": _RESNET, "RMSProp": _RESNET | {"opt": "rmsprop"}},
    "augmentation": {"with": _RESNET, "without": _RESNET | {"augment": False}},
    "weight decay": {"5e-4": _RESNET, "none": _RESNET | {"weight_decay": 0.0}},
    "inputs without BN": {"z-score": _PLAIN_CNN, "min-max": _PLAIN_CNN | _RAW},
    "scale and shift of BN": {
        "with": _CNN | {"model_option": "norm=before"},
        "without": _CNN | {"model_option": "norm=unscaled"},
    },
    "kernels": _modules(
        **{"3x3": "module=3x3", "two 2x2": "module=two2x2", "1x3, 3x1": "module=asymmetric"}
    ),
    "grid reduction": _modules(
        **{
            "pool, widen": "module=3x3,grid=pool-widen",
            "widen, pool": "module=3x3,grid=widen-pool",
            "parallel": "module=3x3,grid=parallel",
        }
    ),
    "dropout of nin": {"with": _NIN, "without": _NIN | {"model_option": "dropout=False"}},
    "auxiliary classifiers": {
        "with": FEW | {"model": "googlenet"},
        "without": FEW | {"model": "googlenet", "model_option": "auxiliary=False"},
    },
    "18 and 34 layers": {
        name: FEW | {"model": name} for name in ("plain18", "resnet18", "plain34", "resnet34")
    },
}
RUNS = {f"{group}: {name}": run for group, runs in GROUPS.items() for name, run in runs.items()}


def measure(runs: Runs) -> dict:
    """Errors in percent of training and of test, after the last epoch."""
    return {
        "training_error": by_seed(runs, lambda run: run.curve("top1")[-1]),
        "test_error": by_seed(runs, lambda run: run.test_error),
    }


def verdict(measured: dict) -> tuple[str, str]:
    training, test = (_first(measured[f"{kind}_error"]) for kind in ("training", "test"))
    rows = (f"{label} {training[label]:.1f} and {test[label]:.1f} %" for label in test)
    missing = [label for label in RUNS if label not in test]
    why = f"training and test error after the last epoch, one seed: {'; '.join(rows)}"
    return "unjudged", why + (f"; not trained: {', '.join(missing)}" if missing else "")


def _first(figures):
    return {label: next(iter(seeds.values())) for label, seeds in figures.items()}


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    groups: dict[str, dict] = {}
    for label, seeds in measured["test_error"].items():
        group, _, name = label.rpartition(": ")
        groups.setdefault(group, {})[name] = seeds
    rows = -(-len(groups) // 3)
    figure = Figure(figsize=(13, 3.2 * rows), dpi=100, layout="constrained")
    for place, (group, values) in enumerate(groups.items(), start=1):
        axes = figure.add_subplot(rows, 3, place, title=group, ylabel="test error (%)")
        draw_bars(axes, values)
    return {"error.png": figure}
