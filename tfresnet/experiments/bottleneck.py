"""What ResNet-50 and 101 cost, beside AlexNet."""

from matplotlib.figure import Figure

from tfresnet.experiments.engine import figures as draw
from tfresnet.experiments.engine import judging
from tfresnet.experiments.engine.runs import Runs
from tfresnet.param_count.reports import measure as count

ORDER = 6
CLAIM = (
    "A bottleneck unit costs about what a basic unit of a quarter of its channels does, so that "
    "ResNet-50 costs about what ResNet-34 does; ResNet-101 has three quarters more parameters "
    "than ResNet-50 and still fewer than AlexNet."
)
SOURCE = "decks B and E, task of deck B; He et al., 2015, Table 1"
EXPECTED = (
    "multiply-adds of resnet50 within 10 % of resnet34's; resnet101 has more parameters than "
    "resnet50 and fewer than alexnet"
)
# The first epochs of a training, to see that each network learns. They say nothing of accuracy.
BUDGET = {"train_size": 5_000, "val_size": 1_000, "epochs": 2, "lr": 0.02}
NETWORKS = ("alexnet", "resnet18", "resnet34", "resnet50", "resnet101")
RUNS = {name: {"model": name} | BUDGET for name in NETWORKS}
SEEDS = 1


def measure(runs: Runs) -> dict:
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
    why = (
        f"resnet50 has {ratio:.2f} of resnet34's multiply-adds; resnet101 has {more:,} parameters "
        f"({more / parameters['resnet50']:.0%}) more than resnet50, and "
        f"{parameters['resnet101'] / parameters['alexnet']:.0%} of alexnet's; not "
        f"judged: test error after {BUDGET['epochs']} epochs of {BUDGET['train_size']:,} images: "
        f"{judging.show(measured['test_error'], digits=1)}"
    )
    fewer = parameters["resnet50"] < parameters["resnet101"] < parameters["alexnet"]
    return judging.combine([abs(ratio - 1) < 0.1, fewer]), why


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    title = f"{BUDGET['epochs']} epochs of {BUDGET['train_size']:,} images"
    millions = {name: {"0": value / 1e6} for name, value in measured["parameters"].items()}
    labels = {"x": "network", "y": "parameters (millions)"}
    return {
        "error.png": draw.draw_test_errors(title, measured, "network"),
        "parameters.png": draw.bar_chart("224x224, 1000 classes", millions, **labels),
    }
