"""Verdicts on trainings of several seeds.

A figure of a training has a value for each seed. Differences are taken between trainings of one
seed, and a difference counts where its interval of 95 % confidence (Student's, over the seeds)
leaves 0 out. The deviation is that of the compared networks themselves. One seed has none, so it
decides nothing. The errors are those on the test images of CIFAR-10, which all networks share.
"""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from tfresnet.experiments.engine.runs import Runs
from tfresnet.results.comparison import MANY, difference

Seeds = dict[str, float]  # seed -> figure, as in results.json


@dataclass(frozen=True)
class Answer:
    """An answer with its figures. `yes` is None where the seeds cannot tell."""

    yes: bool | None
    figures: str

    def __str__(self):
        return f"{ {True: 'yes', False: 'no', None: 'undecided'}[self.yes] } ({self.figures})"

    def negated(self) -> "Answer":
        return replace(self, yes=None if self.yes is None else not self.yes)


def by_seed(runs: dict[str, dict], of: Callable[[Any], object]) -> dict[str, dict[str, Any]]:
    """Label -> seed -> what `of` makes of a run, or of the numbers of a network."""
    return {label: {str(n): of(one) for n, one in same.items()} for label, same in runs.items()}


def measure_test_errors(runs: Runs) -> dict:
    """Test errors in percent, under the name that results.json has for them."""
    return {"test_error": by_seed(runs, lambda run: run.test_error)}


def is_higher(a: Seeds, b: Seeds, margin: float = 0.0, unit: str = "points") -> Answer:
    """Whether the figures `a` are more than `margin` above the figures `b`."""
    found = difference(b, a)
    if found.error is None:
        return Answer(None, f"{found.mean:.2f} {unit}, {_seeds(found.n)}")
    shown = f"{found.mean:.2f} ± {found.bar:.2f} {unit}, {_seeds(found.n)}"
    above = found.mean - margin
    if abs(above) > found.bar:
        return Answer(above > 0, shown)
    enough = found.seeds_to_tell(abs(above))
    many = f"{enough} seeds could" if enough < MANY else "no number of seeds would"
    return Answer(None, f"{shown}; {many} tell")


def _seeds(n):
    return f"{n} seed{'s' * (n != 1)}"


def show(figures: dict[str, Seeds], unit: str = " %", digits: int = 2) -> str:
    """The mean of each, with the deviation of its seeds and their number."""
    return ", ".join(f"{name} {_show(seeds, unit, digits)}" for name, seeds in figures.items())


def _show(seeds, unit, digits):
    values = [*seeds.values()]
    mean = f"{statistics.fmean(values):,.{digits}f}"
    if len(values) == 1:
        return f"{mean}{unit} (n = 1)"
    return f"{mean} ± {statistics.stdev(values):,.{digits}f}{unit} (n = {len(values)})"


def combine(answers: Iterable[bool | None]) -> str:
    """The verdict on a claim: "fails" if an answer is False, "undecided" if one is None."""
    answers = [*answers]
    if False in answers:
        return "fails"
    return "undecided" if None in answers else "holds"
