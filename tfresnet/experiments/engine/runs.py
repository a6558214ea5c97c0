"""The runs that studies need: trained or continued if they are missing."""

import functools
import math
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from tfresnet.errors import InputError
from tfresnet.experiments.engine.budget import make_config, run_name
from tfresnet.runs.record import RunRecord
from tfresnet.settings.config import TrainConfig
from tfresnet.system.signals import Interrupted

Runs = dict[str, dict[int, RunRecord]]  # label -> seed -> run


@dataclass(frozen=True)
class StudyRun:
    """A run of a study. The same settings have the same folder.

    Attributes:
        differences: settings that differ from the budget.
        folder: folder in which runs are trained.
        kept: folders with finished runs to use instead.
        data_dir: place of the data; None: the usual places.
        source: the run whose weights this one starts from; None: random weights.
    """

    differences: dict
    folder: Path
    quick: bool = False
    kept: tuple[Path, ...] = ()
    data_dir: str | None = None

    @property
    def source(self) -> "StudyRun | None":
        other = self.differences.get("weights")
        return replace(self, differences=other) if other else None

    @functools.cached_property
    def config(self) -> TrainConfig:
        config = make_config(self.differences, self.quick)
        return replace(config, weights=self.source.path) if self.source else config

    @property
    def path(self) -> Path:
        """The folder of the finished run, if possible one with its model; else where it trains."""
        name = run_name(self.differences, self.quick)
        places = [RunRecord(folder / name) for folder in (self.folder, *self.kept)]
        finished = [run for run in places if run.is_finished]
        finished.sort(key=lambda run: not run.folder.model.exists())
        return (finished or places)[0].path

    @property
    def epochs_done(self) -> float:
        """Epochs in the newest checkpoint, with a fraction for a partial one."""
        paths = self.record().folder.checkpoints.paths()
        return int(paths[-1].stem[5:]) / self.steps_per_epoch if paths else 0.0

    @property
    def steps_per_epoch(self) -> int:
        images = self.config.train_size or 50_000 - self.config.val_size
        return images // self.config.batch_size

    @property
    def is_finished(self) -> bool:
        """Whether the run was tested. Its model may be missing: git does not keep it."""
        return self.record().is_finished

    def train(self, limit: "TimeLimit") -> RunRecord:
        """Trains or continues the run unless it is finished; trains its source first.

        Raises:
            InputError: the folder holds a run of other settings, or the source has no model.
            Interrupted: the time is over; everything is saved.
        """
        from tfresnet.training.loop import train

        if self.is_finished:
            return self.record()
        if limit.is_over:
            raise Interrupted(signal.SIGTERM, f"{self.path.name} is next")
        if self.source:
            self.source.train(limit).check_model()
        keras.utils.clear_session()
        data = {"data_dir": self.data_dir}
        if self.path.exists():
            train(resume=self.path, callbacks=[limit], **data)
        else:
            place = {"output_dir": self.folder, "name": self.path.name}
            train(replace(self.config, **place, **data), callbacks=[limit])
        return self.record()

    def record(self) -> RunRecord:
        """The record of the folder, after a check that its settings are those of this run."""
        record = RunRecord(self.path, data_dir=self.data_dir)
        if not record.folder.config.exists():
            return record
        found = record.config
        if found.weights and self.source:  # the folder of all runs may have moved
            found = replace(found, weights=self.source.path.with_name(Path(found.weights).name))
        ours, theirs = self.config.identity, found.identity
        from_weights = ("mean", "std")
        wrong = [key for key in ours if ours[key] != theirs[key] and key not in from_weights]
        if wrong:
            raise InputError(
                f"a run of the studies must have their settings, other {', '.join(sorted(wrong))} "
                f"(rename it to train again). Received: {self.path}"
            )
        return record


class TimeLimit(keras.callbacks.Callback):
    """Raises SIGTERM in a training when its minutes are over; None: never."""

    def __init__(self, minutes: float | None):
        super().__init__()
        self.end = time.monotonic() + 60 * (minutes or math.inf)

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.end

    def on_train_batch_end(self, batch, logs=None):
        if self.is_over:
            signal.raise_signal(signal.SIGTERM)
