"""The table of all networks: what each costs, and what the kept runs say of it."""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfresnet import pretrained
from tfresnet.param_count import reports
from tfresnet.results.facts import RunFacts, cores
from tfresnet.results.table import by_recipe, find_facts
from tfresnet.system import tables

TITLES = ("network", "parameters", "operations", "accuracy", "training")
TITLES += ("images/s on a core", "shipped")
SIDE, CLASSES = 32, 10


def networks(names: Sequence[str], folders: Iterable[Path]) -> str:
    """A Markdown table with a row for each network, the smallest first.

    The accuracy on the CIFAR-10 test images is the mean over the seeds of the longest recipe, the
    newest if several are as long. To show the most accurate one would be a choice made by the test.
    The pace is that of the fastest training at full image size on one core, which can be compared.

    Args:
        names: networks of the registry.
        folders: finished runs; only those of CIFAR-10 that `is_from_scratch` accepts count.
    """
    runs: dict[str, list[RunFacts]] = {}
    for run in find_facts(folders):
        if run.is_from_scratch:
            runs.setdefault(run.config.model, []).append(run)
    counted = sorted(
        (reports.measure(name, SIDE, CLASSES) for name in names),
        key=lambda report: report.complexity.trainable_params,
    )
    return tables.markdown(TITLES, [_row(report, runs.get(report.name, [])) for report in counted])


def _row(report, runs):
    costs = report.record()
    chosen = max(by_recipe(runs), key=_length_and_date, default=[])
    speeds = [speed for speed in map(_images_a_second, runs) if speed]
    return [
        report.name,
        f"{costs['trainable_params']:,}",
        reports.cell("multiply_adds", costs["multiply_adds"]),
        f"{100 * statistics.fmean(run.result['top1'] for run in chosen):.2f} %" if chosen else "",
        f"{len(chosen[0].history)} epochs of {chosen[0].images:,} images" if chosen else "",
        f"{max(speeds):,.0f}" if speeds else "",
        "yes" if any(name.startswith(f"{report.name}-") for name in pretrained.names()) else "",
    ]


def _length_and_date(runs):
    started = max(run.environment.get("started", "") for run in runs)
    return len(runs[0].history) * runs[0].images, started


def _images_a_second(run) -> float:
    """Pace of a training at full image size on one core; 0 for another or an unknown one."""
    if run.config.image_sizes or cores(run) != 1 or not run.minutes:
        return 0.0
    return run.history[-1]["step"] * run.config.batch_size / (60 * run.minutes)
