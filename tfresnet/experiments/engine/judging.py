"""Verdicts with error bars.

All runs have one seed. The bar of an error rate is two standard errors of its sample of images and
of the seed: two trainings of resnet20 that differ in the rounding of sums alone ended 0.24 points
apart, and the paper gives 0.16 for five of resnet110 (Table 6).
"""

import math
from collections.abc import Iterable

SEED_DEVIATION = 0.2  # points
POINTS = "points, two standard errors of the sample and of the seed"


def bar(error: float, n: int, seeds: bool = True) -> float:
    """Half the width of an error bar in points, for an error in percent of `n` images."""
    share = min(max(error / 100, 1 / n), 1 - 1 / n)
    variance = 100**2 * share * (1 - share) / n
    return 2 * math.sqrt(variance + (SEED_DEVIATION**2 if seeds else 0))


def is_higher(a: float, b: float, n: int, margin: float = 0.0) -> bool | None:
    """Whether error `a` is more than `margin` points above `b`; None: within the error bars."""
    difference = a - b - margin
    width = math.hypot(bar(a, n), bar(b, n))
    return None if abs(difference) <= width else difference > 0


def combined(answers: Iterable[bool | None]) -> str:
    """All must be true for a claim to hold; one that is false fails it."""
    answers = [*answers]
    if False in answers:
        return "fails"
    return "undecided" if None in answers else "holds"


def said(answer: bool | None) -> str:
    return {True: "yes", False: "no", None: "within the error bars"}[answer]
