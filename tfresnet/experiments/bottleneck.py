"""ResNet-50 and 101 on CIFAR-10, what they cost, and whether they learn, AlexNet beside them."""

from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import bars, chart
from tfresnet.experiments.engine.judging import POINTS, bar, combined, is_higher
from tfresnet.param_count.reports import measure as count
from tfresnet.runs.record import RunRecord

ORDER = 6
CLAIM = (
    "A bottleneck unit costs about what a basic unit of a quarter of its channels does, so that "
    "ResNet-50 costs about what ResNet-34 does; ResNet-101 has three quarters more parameters "
    "than ResNet-50 and still fewer than AlexNet; all of them learn CIFAR-10."
)
SOURCE = "decks B and E, task of deck B; He et al., 2015, Table 1"
EXPECTED = (
    "multiply-adds of resnet50 within 10 % of resnet34's; resnet101 / resnet50 / alexnet in "
    "parameters as in the paper; every network more than 10 points below the 90 % error of chance"
)
# 5,000 images, twice: minutes for the smallest, and enough to see that all of them learn.
BUDGET = {"train_size": 5_000, "val_size": 1_000, "epochs": 2, "lr": 0.02}
NETWORKS = ("alexnet", "resnet18", "resnet34", "resnet50", "resnet101")
RUNS = {name: {"model": name} | BUDGET for name in NETWORKS}
CHANCE, MARGIN = 90.0, 10.0


def measure(runs: dict[str, RunRecord]) -> dict:
    """Parameters and multiply-adds at 224x224 and 1000 classes; test errors here, in percent."""
    counted = {name: count(name).complexity for name in NETWORKS}
    return {
        "parameters": {name: one.trainable_params for name, one in counted.items()},
        "multiply_adds": {name: one.multiply_adds for name, one in counted.items()},
        "test_error_with_bar": {
            name: [run.test_error, round(bar(run.test_error, 10_000), 2)]
            for name, run in runs.items()
        },
        "bar": POINTS,
    }


def verdict(measured: dict) -> tuple[str, str]:
    parameters, operations = measured["parameters"], measured["multiply_adds"]
    more = parameters["resnet101"] - parameters["resnet50"]
    ratio = operations["resnet50"] / operations["resnet34"]
    error = {name: pair[0] for name, pair in measured["test_error_with_bar"].items()}
    learn = [is_higher(CHANCE, value, 10_000, MARGIN) for value in error.values()]
    why = (
        f"resnet50 has {ratio:.2f} of resnet34's multiply-adds; resnet101 has {more:,} parameters "
        f"({more / parameters['resnet50']:.0%}) more than resnet50, and "
        f"{parameters['resnet101'] / parameters['alexnet']:.0%} of alexnet's; test error after "
        f"{BUDGET['epochs']} epochs of {BUDGET['train_size']:,} images: "
        + ", ".join(f"{name} {value:.1f} %" for name, value in error.items())
    )
    fewer = parameters["resnet50"] < parameters["resnet101"] < parameters["alexnet"]
    return combined([abs(ratio - 1) < 0.1, fewer, *learn]), why


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    errors = measured["test_error_with_bar"]
    title = f"{BUDGET['epochs']} epochs of {BUDGET['train_size']:,} images"
    error, (axes,) = chart(title, x="network", y="test error (%)")
    bars(axes, {name: pair[0] for name, pair in errors.items()}, [e[1] for e in errors.values()])
    cost, (axes,) = chart("224x224, 1000 classes", x="network", y="parameters (millions)")
    bars(axes, {name: value / 1e6 for name, value in measured["parameters"].items()})
    return {"error.png": error, "parameters.png": cost}
