"""What the table of results says of one run."""

import dataclasses
import functools
import itertools
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from tfresnet import models
from tfresnet.complexity import count, structure_only
from tfresnet.data.dataset import VAL_SHARE
from tfresnet.errors import InputError
from tfresnet.runs.network import model_options
from tfresnet.runs.record import RunRecord
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.schedules import image_side

IMAGES_A_CLASS = 5_000  # of CIFAR-10, for training
IDLE = 0.1  # cores; less than this is no other work
_RESULT = {"dataset": str, "split": str, "top1": float | int, "per_class": dict}


class RunFacts(RunRecord):
    """A finished run with what the table says of it.

    Attributes:
        parameters: trainable ones of the network, with the options that it was trained with.
        images: CIFAR-10 images that it was trained on.
        minutes: of training, undisturbed; 0 for a run of before they were recorded.

    Raises:
        InputError: the folder holds no finished run, or a damaged one.
    """

    def __init__(self, path: Path):
        super().__init__(path)
        _check_result(self)
        classes = len(self.result["per_class"])
        try:
            self.options = model_options(self.config)
            options = tuple(sorted(self.options.items()))
            self.parameters = _parameters(self.config.model, classes, options)
            self.minutes = _minutes(self)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"a run must be whole ({error}). Received: {path}") from error
        images = IMAGES_A_CLASS * classes
        usual = round(VAL_SHARE * images)
        held_out = usual if self.config.val_size is None else self.config.val_size
        self.images = self.config.train_size or images - held_out
        self.is_held_out_as_usual = held_out == usual

    @property
    def is_of_cifar10(self) -> bool:
        return (self.result["dataset"], self.result["split"]) == ("cifar10", "test")

    @property
    def settings(self) -> TrainConfig:
        """With the usual number of images held out as the default."""
        if self.is_held_out_as_usual:
            return dataclasses.replace(self.config, val_size=None)
        return self.config


def undisturbed(seconds: Sequence[float], shares: Sequence[float] = ()) -> float:
    """Seconds of some epochs if all had the pace of the three fastest: other work on the machine
    held those up least.

    Args:
        seconds: what each epoch took.
        shares: how much of an epoch each was; whole ones by default. A part of an epoch sets no
            pace, unless there is nothing else.
    """
    shares = shares or [1.0] * len(seconds)
    is_part = min(shares) == max(shares) < 1
    paces = [s / share for s, share in zip(seconds, shares, strict=True) if share == 1 or is_part]
    return sum(shares) * statistics.mean(sorted(paces)[:3])


def machine(run: RunRecord) -> str:
    """Cores, processor and arithmetic.

    Cores are said only if the run had them: a single one, or several that nothing else used.
    """
    cores, others = run.environment.get("cores"), run.result.get("other_work", math.inf)
    known = cores == 1 or (cores and others < IDLE)
    said = f"{cores} core{'s' * (cores != 1)} " if known else ""
    return f"{said}{run.environment.get('processor', 'unknown processor')}, {arithmetic(run)}"


def arithmetic(run: RunRecord) -> str:
    """Of the activations: float32, bfloat16 or float16."""
    return run.environment.get("dtype_policy", run.config.precision).removeprefix("mixed_")


def _minutes(run):
    """The epochs of each image size count among themselves."""
    sides, epochs = run.config.image_sizes or (32,), run.config.epochs or len(run.history)
    ends = [row["step"] for row in run.history]
    steps = [end - begin for begin, end in itertools.pairwise([0, *ends])]
    by_side: dict[int, list[tuple[float, float]]] = {}
    times = zip(run.result.get("epoch_seconds", []), steps, strict=False)
    for epoch, (seconds, done) in enumerate(times):
        side = image_side(sides, epoch, epochs)
        by_side.setdefault(side, []).append((seconds, done / max(steps)))
    return sum(undisturbed(*zip(*found, strict=True)) for found in by_side.values()) / 60


def _check_result(run):
    """Checks result.json as far as the table reads it."""
    file, result = run.folder.result, run.result or {}
    if not file.exists():
        raise InputError(f"a run must be finished. Received: no {file}")
    times = result.get("epoch_seconds", [])
    is_whole = (
        all(isinstance(result.get(name), kind) for name, kind in _RESULT.items())
        and 0 <= result["top1"] <= 1
        and result["per_class"]
        and isinstance(times, list)
        and all(isinstance(one, float | int) for one in times)
    )
    if not is_whole:
        raise InputError(f"result.json must be the test of a run. Received: {file}")


@functools.cache
def _parameters(name, classes, options):
    shapes = {"num_classes": classes, "input_shape": (32, 32, 3)}
    with structure_only():
        return count(models.create_model(name, **shapes, **dict(options))).trainable_params
