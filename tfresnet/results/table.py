"""The README's table of results, made of run folders."""

import dataclasses
import functools
import os
import statistics
from collections.abc import Iterable
from pathlib import Path

from tfresnet import models
from tfresnet.complexity import count, structure_only
from tfresnet.runs.record import RunRecord
from tfresnet.settings.command_line import command
from tfresnet.settings.schedules import image_side
from tfresnet.system import tables

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
_IMAGES, _HELD_OUT = 50_000, 5_000  # of CIFAR-10, for training and, by default, validation


def _key(run):
    """What all runs of a row have in common; their seeds differ."""
    return tuple((k, str(v)) for k, v in _config(run).identity.items() if k != "seed")


def _config(run):
    """The settings; the usual number of images held out is that of the default."""
    held_out = None if run.config.val_size == _HELD_OUT else run.config.val_size
    return dataclasses.replace(run.config, val_size=held_out)


def _minutes(run):
    seconds = run.result.get("epoch_seconds", [])
    sides, epochs = run.config.image_sizes or (32,), run.config.epochs or len(seconds)
    by_side: dict[int, list[float]] = {}
    for epoch, one in enumerate(seconds):
        by_side.setdefault(image_side(sides, epoch, epochs), []).append(one)
    return sum(map(undisturbed, by_side.values())) / 60


def undisturbed(seconds: Iterable[float]) -> float:
    """Seconds of these epochs, had each taken the mean of the three fastest, which other work has
    held up least."""
    seconds = sorted(seconds)
    return len(seconds) * statistics.mean(seconds[:3])


def table(folders: Iterable[Path], start: Path = Path()) -> str:
    """The `rows` of some folders in Markdown."""
    return tables.markdown(TITLES, rows(folders, start))


def rows(folders: Iterable[Path], start: Path = Path()) -> list[list[str]]:
    """What stands below `TITLES` for finished CIFAR-10 runs: those that differ in nothing but the
    seed are one row.

    Errors are those of the one test at the end of each run, in percent: the mean, and the standard
    deviation from three seeds on. "minutes" are the epochs times the mean of the three fastest (of
    each size of the images), of the run of a row that was disturbed least.

    Args:
        folders: run folders.
        start: folder that the links begin at.
    """
    alike: dict[tuple, list[RunRecord]] = {}
    for run in filter(_is_shown, map(RunRecord, folders)):
        alike.setdefault(_key(run), []).append(run)
    ordered = sorted(
        alike.values(), key=lambda runs: (_parameters(runs[0].config.model), runs[0].result["top1"])
    )
    return [_row(runs, start) for runs in ordered]


def _is_shown(run):
    result = run.result
    return result and (result["dataset"], result["split"]) == ("cifar10", "test")


def _row(runs, start):
    first = min(runs, key=lambda run: run.config.seed)
    config, seeds = _config(first), sorted(run.config.seed for run in runs)
    held_out = _HELD_OUT if config.val_size is None else config.val_size
    flips = [run.result["top1_flip"] for run in runs if "top1_flip" in run.result]
    minutes = [found for run in runs if (found := _minutes(run))]
    links = [
        f"[{run.config.seed}]({Path(os.path.relpath(run.path, start)).as_posix()}/)"
        for run in sorted(runs, key=lambda run: run.config.seed)
    ]
    return [
        config.model,
        f"{_parameters(config.model):,}",
        f"`{command(config, ('seed', 'precision', 'data_dir'))}`",
        str(len(first.result.get("epoch_seconds", [])) or config.epochs),
        f"{config.train_size or _IMAGES - held_out:,}",
        str(len(seeds)),
        _mean([run.result["top1"] for run in runs]),
        _mean(flips) if len(flips) == len(runs) else "",
        f"{PAPER[config.model]:.2f} %" if config.model in PAPER else "",
        f"{min(minutes):.0f}" if minutes else "",
        ", ".join(sorted({machine(run) for run in runs})),
        ", ".join(sorted({(run.environment.get("commit") or "")[:7] for run in runs})),
        " ".join(links),
    ]


def _mean(top1s):
    errors = [100 * (1 - top1) for top1 in top1s]
    spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 2 else ""
    return f"{statistics.mean(errors):.2f}{spread} %"


def machine(run: RunRecord) -> str:
    """Cores, processor and arithmetic of anything with `config` and `environment`."""
    about = run.environment
    cores = about.get("cores", "?")
    processor = about.get("processor", "?")
    return f"{cores} core{'s' * (cores != 1)} {processor}, {arithmetic(run)}"


def arithmetic(run: RunRecord) -> str:
    """Of the activations: float32, bfloat16 or float16."""
    return run.environment.get("dtype_policy", run.config.precision).removeprefix("mixed_")


@functools.cache
def _parameters(name):
    shapes = {"num_classes": 10, "input_shape": (32, 32, 3)}
    with structure_only():
        return count(models.create_model(name, **shapes)).trainable_params
