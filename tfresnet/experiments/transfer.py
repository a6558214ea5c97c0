"""Three ways of transfer from five classes to five others with few pictures, and from scratch."""

from matplotlib.figure import Figure

from tfresnet.experiments.engine import judging
from tfresnet.experiments.engine.figures import bar_chart, chart, lines
from tfresnet.experiments.engine.runs import Runs
from tfresnet.results.facts import steady_seconds

ORDER = 12
CLAIM = (
    "A network that has learned other classes learns new ones from few pictures better than one "
    "that begins anew: trained as a whole, in its last layers, or in a new dense layer alone."
)
SOURCE = "deck E, transfer learning, three ways"
EXPECTED = (
    "resnet20, from classes 0-4 to 5-9 with 100 pictures a class: the mean test accuracy over the "
    "seeds of each of the three ways clearly above that from scratch"
)
# The peak rate of each way, chosen on the held-out pictures of seed 0. Their accuracy at 0.01, 0.03
# and 0.1: scratch 68.5, 72.8 and 70.7 %, head 77.1, 78.2 and 78.7 %. At 0.01 and 0.03: all 82.9 and
# 85.7 %, last 85.4 and 85.7 %.
RATES = {"all": 0.03, "last": 0.03, "head": 0.1, "scratch": 0.03}
FEW = {"classes": "5-9", "train_size": 500, "val_size": 1000, "epochs": 40, "batch_size": 25}


MANY = {"classes": "0-4", "train_size": 22_500, "val_size": 2500}


def _run(way):
    differences = {"model": "resnet20", "name": f"transfer-{way}-seed{{seed}}"}
    if way == "pretraining":
        return differences | MANY
    if way != "scratch":
        differences |= {"weights": _run("pretraining"), "transfer": way}
    return differences | FEW | {"lr": RATES[way]}


RUNS = {way: _run(way) for way in ("pretraining", *RATES)}


def measure(runs: Runs) -> dict:
    """Test accuracy in percent, seconds of training, and validation errors in percent by epoch."""
    return {
        "accuracy": judging.by_seed(runs, lambda run: round(100 - run.test_error, 2)),
        "seconds": judging.by_seed(
            runs, lambda run: round(_training_seconds(run.result["epoch_seconds"]), 2)
        ),
        "validation_error": judging.by_seed(
            {way: runs[way] for way in RATES}, lambda run: run.curve("val_top1")
        ),
    }


def _training_seconds(epochs):
    """The first epoch also compiles and computes the features of a head: it counts as it is."""
    first, *others = epochs
    return first + steady_seconds(others)


def verdict(measured: dict) -> tuple[str, str]:
    accuracy, seconds = measured["accuracy"], measured["seconds"]
    better = {
        way: judging.is_higher(accuracy[way], accuracy["scratch"])
        for way in RATES
        if way != "scratch"
    }
    why = (
        f"test accuracy: {judging.show(accuracy, digits=1)}; time of training: "
        f"{judging.show(seconds, ' s', digits=0)}; "
        + ", ".join(f"{way} above scratch: {answer}" for way, answer in better.items())
    )
    return judging.combine(answer.yes for answer in better.values()), why


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    title, values = "100 pictures a class", {way: measured["accuracy"][way] for way in RATES}
    accuracy = bar_chart(title, values, "what is trained", "test accuracy (%)")
    error, (axes,) = chart(title, x="epoch of 500 pictures", y="validation error (%)")
    lines(axes, measured["validation_error"])
    axes.set_ylim(bottom=0)
    return {"accuracy.png": accuracy, "error.png": error}
