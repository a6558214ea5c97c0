"""The table of results of run folders."""

import logging
import os
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.results.facts import RunFacts, commits, machine
from tfresnet.settings.command_line import command
from tfresnet.system import tables

logger = logging.getLogger("tfresnet")

# Table 6 of arXiv:1512.03385: test error in percent after 164 epochs; resnet110: best of five.
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
    """The `rows` of run folders as a Markdown table; empty without a row."""
    found = rows(find_facts(folders), start)
    return tables.markdown(TITLES, found) if found else ""


def rows(runs: Iterable[RunFacts], start: Path = Path()) -> list[list[str]]:
    """The rows below `TITLES`; runs that differ only in the seed share one row.

    Args:
        runs: finished CIFAR-10 runs.
        start: folder that the links are relative to.
    """
    alike = by_recipe(runs)
    by_size = sorted(alike, key=lambda runs: (runs[0].parameters, runs[0].result["top1"]))
    return [row(runs, start) for runs in by_size]


def by_recipe(runs: Iterable[RunFacts]) -> list[list[RunFacts]]:
    """Groups of runs that differ only in the seed."""
    alike: dict[tuple, list[RunFacts]] = {}
    for run in runs:
        alike.setdefault(settings_but(run, "seed"), []).append(run)
    return list(alike.values())


def find_facts(folders: Iterable[Path]) -> Iterator[RunFacts]:
    """The finished CIFAR-10 runs in run folders, with a warning for each other folder."""
    for path in folders:
        try:
            run = RunFacts(path)
        except InputError as error:
            logger.warning("left out of the table: %s", error)
            continue
        if run.is_of_cifar10:
            yield run


def settings_but(run: RunFacts, *left_out: str) -> tuple:
    """The settings that decide what a run computes, without some of them, and the code of the
    user's network: equal for runs that belong together."""
    return run.code, *((k, str(v)) for k, v in run.settings.identity.items() if k not in left_out)


def row(runs: Sequence[RunFacts], start: Path = Path()) -> list[str]:
    """The cells below `TITLES` for runs that differ only in the seed.

    Errors come from the one test at the end of each run, in percent: the mean, and from three seeds
    on the standard deviation. "minutes" is the time of the fastest run.
    """
    runs = sorted(runs, key=lambda run: run.config.seed)
    config, seeds = runs[0].settings, len({run.config.seed for run in runs})
    flips = [run.result["top1_flip"] for run in runs if "top1_flip" in run.result]
    minutes = [run.minutes for run in runs if run.minutes]
    paths = [Path(os.path.relpath(run.path, start)).as_posix() for run in runs]
    return [
        config.model,
        f"{runs[0].parameters:,}",
        f"`{command(config, ('seed', 'precision', 'data_dir'))}`",
        str(len(runs[0].history)),
        f"{runs[0].images:,}",
        str(seeds),
        _mean([run.result["top1"] for run in runs], seeds),
        _mean(flips, seeds) if len(flips) == len(runs) else "",
        f"{PAPER[config.model]:.2f} %" if is_papers(runs[0]) else "",
        f"{min(minutes):.0f}" if minutes else "",
        ", ".join(sorted({machine(run) for run in runs})),
        ", ".join(sorted({commit[:7] for run in runs for commit in commits(run)})),
        " ".join(f"[{r.config.seed}]({path}/)" for r, path in zip(runs, paths, strict=True)),
    ]


def is_papers(run: RunFacts) -> bool:
    """Whether a run trained the network of a row in `PAPER` from scratch, on all classes."""
    return run.config.model in PAPER and run.is_from_scratch


def _mean(top1s, seeds):
    errors = [100 * (1 - top1) for top1 in top1s]
    spread = f" ± {statistics.stdev(errors):.2f}" if seeds > 2 else ""
    return f"{statistics.mean(errors):.2f}{spread} %"
