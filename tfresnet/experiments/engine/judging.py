"""Verdicts with error bars.

Most runs have one seed. The bar of an error rate is two standard errors. It covers the sample of
images and the seed: two trainings of resnet20 that differed only in rounding ended 0.24 points
apart, and five runs of resnet110 in the paper have a deviation of 0.16 points (Table 6).
"""

import math
from collections.abc import Iterable

from tfresnet.runs.record import RunRecord

SEED_DEVIATION = 0.2  # points
TEST_IMAGES = 10_000
POINTS = "points, two standard errors of the sample and of the seed"


def bar(error: float, n: int, seeds: bool = True) -> float:
    """Half the width of an error bar in points, for an error in percent of `n` images."""
    share = min(max(error / 100, 1 / n), 1 - 1 / n)
    variance = 100**2 * share * (1 - share) / n
    return 2 * math.sqrt(variance + (SEED_DEVIATION**2 if seeds else 0))


def measure_test_errors(runs: dict[str, RunRecord]) -> dict:
    """Test errors in percent, each with its bar, under the names that results.json has for them."""
    errors = {
        name: [run.test_error, round(bar(run.test_error, TEST_IMAGES), 2)]
        for name, run in runs.items()
    }
    return {"test_error_with_bar": errors, "bar": POINTS}


def strip_bars(measured: dict) -> dict[str, float]:
    """The test errors of `measure_test_errors` without their bars."""
    return {name: error for name, (error, _) in measured["test_error_with_bar"].items()}


def list_errors(errors: dict[str, float], digits: int = 2) -> str:
    return ", ".join(f"{name} {error:.{digits}f} %" for name, error in errors.items())


def is_positive(difference: float, width: float) -> bool | None:
    """Whether a difference with an error bar of `width` is above 0; None: within the bar."""
    return None if abs(difference) <= width else bool(difference > 0)


def is_higher(a: float, b: float, n: int = TEST_IMAGES, margin: float = 0.0) -> bool | None:
    """Whether error `a` is more than `margin` points above `b`; None: within the error bars."""
    return is_positive(a - b - margin, math.hypot(bar(a, n), bar(b, n)))


def negate(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def combine(answers: Iterable[bool | None]) -> str:
    """The verdict on a claim: "fails" if an answer is False, "undecided" if one is None."""
    answers = [*answers]
    if False in answers:
        return "fails"
    return "undecided" if None in answers else "holds"


def describe(answer: bool | None) -> str:
    return {True: "yes", False: "no", None: "within the error bars"}[answer]
