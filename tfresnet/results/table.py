"""The table of results, made of run folders."""

import logging
import os
import statistics
from collections.abc import Iterable
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.results.facts import RunFacts, machine
from tfresnet.settings.command_line import command
from tfresnet.system import tables

logger = logging.getLogger("tfresnet")

# Test error in percent after 164 epochs, best of five for resnet110: Table 6 of arXiv:1512.03385.
PAPER = {
    "resnet20": 8.75,
    "resnet32": 7.51,
    "resnet44": 7.17,
    "resnet56": 6.97,
    "resnet110": 6.43,
    "resnet1202": 7.93,
}
TITLES = ("network", "parameters", "command", "epochs", "images", "seeds", "error", "with flip")
TITLES += ("paper", "minutes", "machine", "commit", "runs")


def table(folders: Iterable[Path], start: Path = Path()) -> str:
    """The `rows` of some folders in Markdown."""
    return tables.markdown(TITLES, rows(folders, start))


def rows(folders: Iterable[Path], start: Path = Path()) -> list[list[str]]:
    """What stands below `TITLES` for finished CIFAR-10 runs: those that differ in nothing but the
    seed are one row.

    Errors are those of the one test at the end of each run, in percent: the mean, and the standard
    deviation from three seeds on. "minutes" are those of the run of a row that other work disturbed
    least. A folder that holds no finished run, or a damaged one, is left out with a line about it.

    Args:
        folders: run folders.
        start: folder that the links begin at.
    """
    alike: dict[tuple, list[RunFacts]] = {}
    for path in folders:
        try:
            run = RunFacts(path)
        except InputError as error:
            logger.warning("left out of the table: %s", error)
            continue
        if run.is_of_cifar10:
            alike.setdefault(_settings(run), []).append(run)
    by_size = sorted(alike.values(), key=lambda runs: (runs[0].parameters, runs[0].result["top1"]))
    return [_row(runs, start) for runs in by_size]


def _settings(run):
    """Those in which the runs of a row agree."""
    return tuple((k, str(v)) for k, v in run.settings.identity.items() if k != "seed")


def _row(runs, start):
    runs = sorted(runs, key=lambda run: run.config.seed)
    config, seeds = runs[0].settings, len({run.config.seed for run in runs})
    flips = [run.result["top1_flip"] for run in runs if "top1_flip" in run.result]
    minutes = [run.minutes for run in runs if run.minutes]
    is_papers = not (config.classes or runs[0].options)
    links = [
        f"[{run.config.seed}]({Path(os.path.relpath(run.path, start)).as_posix()}/)" for run in runs
    ]
    return [
        config.model,
        f"{runs[0].parameters:,}",
        f"`{command(config, ('seed', 'precision', 'data_dir'))}`",
        str(len(runs[0].history)),
        f"{runs[0].images:,}",
        str(seeds),
        _mean([run.result["top1"] for run in runs], seeds),
        _mean(flips, seeds) if len(flips) == len(runs) else "",
        f"{PAPER[config.model]:.2f} %" if is_papers and config.model in PAPER else "",
        f"{min(minutes):.0f}" if minutes else "",
        ", ".join(sorted({machine(run) for run in runs})),
        ", ".join(sorted({(run.environment.get("commit") or "")[:7] for run in runs})),
        " ".join(links),
    ]


def _mean(top1s, seeds):
    errors = [100 * (1 - top1) for top1 in top1s]
    spread = f" ± {statistics.stdev(errors):.2f}" if seeds > 2 else ""
    return f"{statistics.mean(errors):.2f}{spread} %"
