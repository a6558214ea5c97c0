"""What ResNet-50 and 101 cost, beside AlexNet, and whether they learn CIFAR-10."""

from matplotlib.figure import Figure

from tfresnet.experiments.engine import figures as draw
from tfresnet.experiments.engine import judging
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
# Minutes for the smallest network, and enough to see that all of them learn.
BUDGET = {"train_size": 5_000, "val_size": 1_000, "epochs": 2, "lr": 0.02}
NETWORKS = ("alexnet", "resnet18", "resnet34", "resnet50", "resnet101")
RUNS = {name: {"model": name} | BUDGET for name in NETWORKS}
CHANCE, MARGIN = 90.0, 10.0


def measure(runs: dict[str, RunRecord]) -> dict:
    """Parameters and multiply-adds at 224x224 with 1000 classes, and the test errors."""
    counted = {name: count(name).complexity for name in NETWORKS}
    return {
        "parameters": {name: one.trainable_params for name, one in counted.items()},
        "multiply_adds": {name: one.multiply_adds for name, one in counted.items()},
    } | judging.measure_test_errors(runs)


def verdict(measured: dict) -> tuple[str, str]:
    parameters, operations = measured["parameters"], measured["multiply_adds"]
    more = parameters["resnet101"] - parameters["resnet50"]
    ratio = operations["resnet50"] / operations["resnet34"]
    error = judging.strip_bars(measured)
    learn = [judging.is_higher(CHANCE, value, margin=MARGIN) for value in error.values()]
    why = (
        f"resnet50 has {ratio:.2f} of resnet34's multiply-adds; resnet101 has {more:,} parameters "
        f"({more / parameters['resnet50']:.0%}) more than resnet50, and "
        f"{parameters['resnet101'] / parameters['alexnet']:.0%} of alexnet's; test error after "
        f"{BUDGET['epochs']} epochs of {BUDGET['train_size']:,} images: "
        f"{judging.list_errors(error, digits=1)}"
    )
    fewer = parameters["resnet50"] < parameters["resnet101"] < parameters["alexnet"]
    return judging.combine([abs(ratio - 1) < 0.1, fewer, *learn]), why


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    title = f"{BUDGET['epochs']} epochs of {BUDGET['train_size']:,} images"
    millions = {name: value / 1e6 for name, value in measured["parameters"].items()}
    labels = {"x": "network", "y": "parameters (millions)"}
    return {
        "error.png": draw.draw_test_errors(title, measured, "network"),
        "parameters.png": draw.bar_chart("224x224, 1000 classes", millions, **labels),
    }
