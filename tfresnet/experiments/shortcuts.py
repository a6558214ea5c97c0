"""Which shortcut where the shape changes: zeros (A), projections there (B) or everywhere (C)?"""

import itertools

from matplotlib.figure import Figure

from tfresnet.experiments.engine import figures as draw
from tfresnet.experiments.engine import judging
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

measure = judging.measure_test_errors


def verdict(measured: dict) -> tuple[str, str]:
    error = judging.strip_bars(measured)
    pairs = itertools.permutations(error.values(), 2)
    close = (judging.negate(judging.is_higher(a, b, margin=MARGIN)) for a, b in pairs)
    spread = max(error.values()) - min(error.values())
    why = f"test error of resnet20: {judging.list_errors(error)}; the extremes are {spread:.2f} "
    return judging.combine(close), f"{why}points apart"


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    return {"error.png": draw.draw_test_errors("resnet20", measured, "shortcut (option)")}
