"""Which shortcut where the shape changes: zeros (A), projections there (B) or everywhere (C)?"""

import itertools

from matplotlib.figure import Figure

from tfresnet.experiments.engine import figures as draw
from tfresnet.experiments.engine import judging
from tfresnet.experiments.engine.runs import Runs

ORDER = 3
CLAIM = (
    "Identity shortcuts with zero padding (A), projections where the shape changes (B) and "
    "projections everywhere (C) differ little: projections are not essential."
)
SOURCE = "decks C and E; He et al., 2015, section 4.1 and Table 3"
EXPECTED = "no two of the three are 2 points apart, as far as the seeds tell"
MARGIN = 2.0  # points
RUNS = {
    "A": {"model": "resnet20"},
    "B": {"model": "resnet20", "shortcut": "B"},
    "C": {"model": "resnet20", "shortcut": "C"},
}

measure = judging.measure_test_errors


def verdict(measured: dict) -> tuple[str, str]:
    error = measured["test_error"]
    close, shown = [], []
    for a, b in itertools.permutations(error, 2):
        above = judging.is_higher(error[a], error[b], margin=MARGIN)
        close.append(above.negated().yes)
        if a < b:
            shown.append(f"{a} above {b} by {above.figures}")
    return judging.combine(close), (
        f"test error of resnet20: {judging.show(error)}; {', '.join(shown)}; the margin is "
        f"{MARGIN:g} points"
    )


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    return {"error.png": draw.draw_test_errors("resnet20", measured, "shortcut (option)")}
