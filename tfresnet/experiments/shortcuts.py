"""Which shortcut where the shape changes: zeros (A), projections there (B) or everywhere (C)?"""

import itertools

from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import bars, chart
from tfresnet.experiments.engine.judging import POINTS, bar, combined, is_higher
from tfresnet.runs.record import RunRecord

ORDER = 3
CLAIM = (
    "Identity shortcuts with zero padding (A), projections where the shape changes (B) and "
    "projections everywhere (C) differ little: projections are not essential."
)
SOURCE = "decks C and E; He et al., 2015, section 4.1 and Table 3"
EXPECTED = "no two of the three are 2 points apart, which the error bars can tell"
MARGIN = 2.0  # points
RUNS = {
    "A": {"model": "resnet20"},
    "B": {"model": "resnet20", "shortcut": "B"},
    "C": {"model": "resnet20", "shortcut": "C"},
}


def measure(runs: dict[str, RunRecord]) -> dict:
    """Test errors in percent, each with its bar."""
    errors = {
        name: [run.test_error, round(bar(run.test_error, 10_000), 2)] for name, run in runs.items()
    }
    return {"test_error_with_bar": errors, "bar": POINTS}


def verdict(measured: dict) -> tuple[str, str]:
    error = {name: pair[0] for name, pair in measured["test_error_with_bar"].items()}
    pairs = itertools.permutations(error.values(), 2)
    far_apart = [is_higher(a, b, 10_000, MARGIN) for a, b in pairs]
    shown = ", ".join(f"{name} {value:.2f} %" for name, value in error.items())
    spread = max(error.values()) - min(error.values())
    why = f"test error of resnet20: {shown}; the extremes are {spread:.2f} points apart"
    return combined(None if far is None else not far for far in far_apart), why


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    figure, (axes,) = chart("resnet20", x="shortcut (option)", y="test error (%)")
    errors = measured["test_error_with_bar"]
    values = {name: pair[0] for name, pair in errors.items()}
    bars(axes, values, [pair[1] for pair in errors.values()])
    return {"error.png": figure}
