"""Is A better than B? Two sets of runs, compared on the images held out, seed by seed."""

import glob
import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.runs.finding import run_folders
from tfresnet.runs.record import RunRecord
from tfresnet.settings.values import as_text

RESOLUTION = 0.1  # points that one would like to tell
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
MANY = 1000  # seeds that nobody trains


def compare(a: str, b: str) -> str:
    """What B gains over A, in points of top-1.

    The images held out decide; the test images are shown apart, since a choice made on them would
    spoil them. Runs of the same seed are paired, which removes what the seed does to both. Without
    common seeds the means are compared (Welch's standard error).

    Args:
        a, b: a run, a folder of runs or a shell pattern of them.

    Raises:
        InputError: a set without finished runs or with runs of different settings.
    """
    sets = [_read(pattern) for pattern in (a, b)]
    held_out = [{seed: 100 * run.history[-1]["val_top1"] for seed, run in s.items()} for s in sets]
    tested = [{seed: 100 - run.test_error for seed, run in s.items()} for s in sets]
    lines = [
        f"{name}: {pattern} ({len(runs)} run{'s' * (len(runs) != 1)}, "
        f"seeds {', '.join(map(str, sorted(runs)))})"
        for name, pattern, runs in zip("AB", (a, b), sets, strict=True)
    ]
    lines.append(f"they differ in {_differences(*(next(iter(s.values())) for s in sets))}")
    lines.append(f"images held out: {_verdict(*held_out)}")
    lines.append(f"test images, not for a choice: {_gain(*tested)}")
    return "\n".join(lines)


def _read(pattern: str) -> dict[int, RunRecord]:
    """Seed -> run."""
    paths = [Path(path) for path in sorted(glob.glob(pattern))]
    runs = [RunRecord(path) for path in run_folders(paths)]
    runs = [
        run for run in runs if run.is_finished and run.history and "val_top1" in run.history[-1]
    ]
    if not runs:
        raise InputError(f"--compare needs finished runs that held images out. Received: {pattern}")
    first = _settings(runs[0])
    for run in runs:
        if other := [name for name, value in _settings(run).items() if value != first[name]]:
            raise InputError(
                f"the runs of one side must differ in the seed alone, not in {', '.join(other)}. "
                f"Received: {runs[0].path} and {run.path}"
            )
    by_seed = {run.config.seed: run for run in runs}
    if len(by_seed) < len(runs):
        raise InputError(f"a seed must stand for one run. Received: one seed twice in {pattern}")
    return by_seed


def _settings(run):
    return {name: value for name, value in run.config.identity.items() if name != "seed"}


def _differences(a, b):
    ours, theirs = _settings(a), _settings(b)
    return (
        ", ".join(
            f"{name} ({as_text(value)}, {as_text(theirs[name])})"
            for name, value in ours.items()
            if value != theirs[name]
        )
        or "nothing but the code"
    )


def _gain(a: dict[int, float], b: dict[int, float]) -> str:
    found = difference(a, b)
    shown = f"{found.mean:+.2f}" + (f" ± {found.error:.2f}" if found.error is not None else "")
    means = [f"{statistics.mean(side.values()):.2f} %" for side in (a, b)]
    return f"A {means[0]}, B {means[1]}, B - A {shown} points"


def _verdict(a, b):
    found = difference(a, b)
    how = f"{found.n} paired seeds" if found.paired else "no seed in common"
    text = f"{_gain(a, b)} ({how}, standard error)"
    if found.error is None:
        return f"{text}\none pair has no standard error: train more seeds"
    word = "better" if found.mean > 0 else "worse"
    is_sure = abs(found.mean) > found.bar
    text += f"\nB is {word}, with 95 % confidence" if is_sure else "\nundecided"
    more = max(0, found.seeds_to_tell(RESOLUTION) - found.n)
    return f"{text}; to tell {RESOLUTION} points it takes {more} more seed{'s' * (more != 1)}"


@dataclass(frozen=True)
class Difference:
    """What trainings b have more than trainings a.

    Attributes:
        mean: of the differences of paired seeds; without common seeds, of the means.
        deviation: of the difference of two trainings.
        error: standard error of the mean (Welch's without pairs); None: too few trainings.
        n: number of pairs; without pairs, of the trainings of the smaller set.
    """

    mean: float
    deviation: float
    error: float | None
    n: int
    paired: bool

    @property
    def bar(self) -> float:
        """Half of the interval that holds the true difference with 95 % confidence."""
        return math.inf if self.error is None else _student(self.n - 1) * self.error

    def seeds_to_tell(self, points: float) -> int:
        """The number of pairs that could tell a difference of `points`; at most `MANY`."""
        numbers = range(2, MANY)
        bars = (_student(n - 1) * self.deviation / math.sqrt(n) for n in numbers)
        enough = (n for n, bar in zip(numbers, bars, strict=True) if bar < points)
        return next(enough, MANY)


def difference(a: dict, b: dict) -> Difference:
    """Compares two sets of trainings, each seed -> figure. Common seeds are paired."""
    if seeds := sorted(a.keys() & b.keys()):
        gains = [b[seed] - a[seed] for seed in seeds]
        deviation = statistics.stdev(gains) if len(gains) > 1 else 0.0
        error = deviation / math.sqrt(len(gains)) if len(gains) > 1 else None
        return Difference(statistics.mean(gains), deviation, error, len(gains), paired=True)
    gain = statistics.mean(b.values()) - statistics.mean(a.values())
    n = min(len(a), len(b))
    if n < 2:
        return Difference(gain, 0.0, None, n, paired=False)
    variances = [statistics.variance(side.values()) for side in (a, b)]
    error = math.sqrt(sum(v / len(s) for v, s in zip(variances, (a, b), strict=True)))
    return Difference(gain, math.sqrt(sum(variances)), error, n, paired=False)


def _student(freedom):
    """The 97.5 % point of Student's distribution; from ten degrees on to 0.01."""
    return STUDENT[freedom - 1] if freedom <= len(STUDENT) else 1.96 + 2.6 / freedom
