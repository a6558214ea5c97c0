"""The facts about one run for the table of results."""

import dataclasses
import functools
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfresnet import models
from tfresnet.complexity import count, structure_only
from tfresnet.data.dataset import VAL_SHARE
from tfresnet.errors import InputError
from tfresnet.runs.network import model_options
from tfresnet.runs.record import RunRecord
from tfresnet.settings.schedules import image_side

IMAGES_A_CLASS = 5_000  # of CIFAR-10, for training
IDLE = 0.1  # cores; less use by other programs does not count
_NEEDED = {"dataset", "split", "top1", "per_class"}


class RunFacts(RunRecord):
    """A finished run with the facts that the table shows.

    Attributes:
        settings: the settings, with `val_size` None where it is the usual number.
        options: options of the network.
        parameters: number of trainable parameters.
        images: number of CIFAR-10 images in training.
        minutes: training time on an otherwise idle machine; 0 if the run did not record times.

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
            own = self.environment.get("trainable")  # of a user's network
            self.parameters = own or _parameters(self.config.model, classes, options)
            self.minutes = _minutes(self)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"a run must be whole ({error}). Received: {path}") from error
        images = IMAGES_A_CLASS * classes
        usual = round(VAL_SHARE * images)
        held_out = usual if self.config.val_size is None else self.config.val_size
        self.images = self.config.train_size or images - held_out
        is_usual = held_out == usual
        self.settings = dataclasses.replace(self.config, val_size=None) if is_usual else self.config

    @property
    def is_of_cifar10(self) -> bool:
        return (self.result["dataset"], self.result["split"]) == ("cifar10", "test")

    @property
    def is_from_scratch(self) -> bool:
        """Whether the network without options was trained from random weights, on all classes."""
        return not (self.config.classes or self.config.weights or self.options)


def steady_seconds(seconds: Sequence[float], shares: Sequence[float] = ()) -> float:
    """Seconds that epochs take at the mean pace of the three fastest, which other work on the
    machine slowed down least.

    Args:
        seconds: time of each epoch.
        shares: the part of a whole epoch that each one was; 1 by default. Only whole epochs set
            the pace, unless there are none.
    """
    shares = shares or [1.0] * len(seconds)
    is_part = min(shares) == max(shares) < 1
    paces = [s / share for s, share in zip(seconds, shares, strict=True) if share == 1 or is_part]
    return sum(shares) * statistics.mean(sorted(paces)[:3])


def machine(run: RunRecord) -> str:
    """Cores, processors and data type; no cores if other programs may have used some of them."""
    number, others = cores(run), run.result.get("other_work", math.inf)
    known = number == 1 or (number and others < IDLE)
    shown = f"{number} core{'s' * (number != 1)} " if known else ""
    processors = [session.get("processor", "unknown processor") for session in run.sessions]
    return f"{shown}{' and '.join(dict.fromkeys(processors))}, {arithmetic(run)}"


def cores(run: RunRecord) -> int | None:
    """How many a run had; None if that is unknown or changed when it was resumed."""
    found = {session.get("cores") for session in run.sessions}
    return found.pop() if len(found) == 1 else None


def commits(run: RunRecord) -> list[str]:
    """The known commits of the code, in the order of the sessions."""
    found = dict.fromkeys(session.get("commit") for session in run.sessions)
    return [commit for commit in found if commit]


def arithmetic(run: RunRecord) -> str:
    """Data type of the activations: float32, bfloat16 or float16."""
    return run.environment.get("dtype_policy", run.config.precision).removeprefix("mixed_")


def _minutes(run):
    """Training time; the fastest epochs are chosen for each image size on its own."""
    sides, epochs = run.config.image_sizes or (32,), run.config.epochs or len(run.history)
    steps = np.diff([0, *(row["step"] for row in run.history)]).tolist()
    by_side: dict[int, list[tuple[float, float]]] = {}
    times = zip(run.result.get("epoch_seconds", []), steps, strict=False)
    for epoch, (seconds, done) in enumerate(times):
        side = image_side(sides, epoch, epochs)
        by_side.setdefault(side, []).append((seconds, done / max(steps)))
    return sum(steady_seconds(*zip(*found, strict=True)) for found in by_side.values()) / 60


def _check_result(run):
    """Checks the parts of result.json that the table reads."""
    file, result = run.folder.result, run.result or {}
    if not file.exists():
        raise InputError(f"a run must be finished. Received: no {file}")
    times = result.get("epoch_seconds", [])
    has_times = isinstance(times, list) and all(isinstance(one, float | int) for one in times)
    if not (
        result.keys() >= _NEEDED and has_times and 0 <= result["top1"] <= 1 and result["per_class"]
    ):
        raise InputError(f"result.json must be the test of a run. Received: {file}")


@functools.cache
def _parameters(name, classes, options):
    shapes = {"num_classes": classes, "input_shape": (32, 32, 3)}
    with structure_only():
        return count(models.create_model(name, **shapes, **dict(options))).trainable_params
