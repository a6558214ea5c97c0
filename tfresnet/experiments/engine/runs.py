"""The runs that studies need: trained or continued where they are missing."""

import functools
import math
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from tfresnet.errors import InputError
from tfresnet.experiments.engine.budget import config_of, name_of
from tfresnet.runs.record import RunRecord
from tfresnet.settings.config import TrainConfig
from tfresnet.system.signals import Interrupted


@dataclass(frozen=True)
class Needed:
    """A run as the difference from the budget; the same settings have the same folder.

    Attributes:
        folder: where runs are trained.
        kept: folders whose finished runs are not trained again.
        data_dir: where the data lie; None: in the usual places.
        source: the run from whose weights this one starts; None: from its own.
    """

    differences: dict
    folder: Path
    quick: bool = False
    kept: tuple[Path, ...] = ()
    data_dir: str | None = None

    @property
    def source(self) -> "Needed | None":
        other = self.differences.get("weights")
        return replace(self, differences=other) if other else None

    @functools.cached_property
    def config(self) -> TrainConfig:
        config = config_of(self.differences, self.quick)
        return replace(config, weights=self.source.path) if self.source else config

    @property
    def path(self) -> Path:
        own = self.folder / name_of(self.differences, self.quick)
        others = (RunRecord(folder / own.name) for folder in self.kept)
        return next((run.path for run in others if run.is_finished and not own.exists()), own)

    @property
    def epochs_done(self) -> float:
        """Epochs in the newest checkpoint, also a part of one."""
        paths = self._record().folder.checkpoints.paths()
        return int(paths[-1].stem[5:]) / self.steps_per_epoch if paths else 0.0

    @property
    def steps_per_epoch(self) -> int:
        images = self.config.train_size or 50_000 - self.config.val_size
        return images // self.config.batch_size

    @property
    def is_finished(self) -> bool:
        """Whether its outcome is there; the model may not be, which git does not keep."""
        return self._record().is_finished

    def trained(self, limit: "TimeLimit") -> RunRecord:
        """The run, trained as far as it was not, its source before it.

        Raises:
            InputError: the folder holds a run of other settings, or the source has no model.
            Interrupted: the time is over; what was trained is saved.
        """
        from tfresnet.training.loop import train

        if self.is_finished:
            return self._record()
        if limit.is_over:
            raise Interrupted(signal.SIGTERM, f"{self.path.name} is next")
        if self.source:
            self.source.trained(limit).check_model()
        keras.utils.clear_session()
        if self.path.exists():
            train(resume=self.path, data_dir=self.data_dir, callbacks=[limit])
        else:
            place = {"output_dir": self.folder, "name": self.path.name}
            place |= {"data_dir": self.data_dir}
            train(replace(self.config, **place), callbacks=[limit])
        return self._record()

    def _record(self):
        """What the folder tells, if anything; its run has the settings of this one."""
        record = RunRecord(self.path, data_dir=self.data_dir)
        if record.folder.config.exists():
            self._check(record.config)
        return record

    def _check(self, found):
        if found.weights and self.source:  # the folder of all runs may have moved
            found = replace(found, weights=self.source.path.with_name(Path(found.weights).name))
        ours, theirs = self.config.identity, found.identity
        came_along = ("mean", "std")  # with weights
        wrong = [key for key in ours if ours[key] != theirs[key] and key not in came_along]
        if wrong:
            raise InputError(
                f"a run of the studies must have their settings, other {', '.join(sorted(wrong))} "
                f"(rename it to train again). Received: {self.path}"
            )


class TimeLimit(keras.callbacks.Callback):
    """Stops a training when its minutes are over (None: never), as a signal from outside would."""

    def __init__(self, minutes: float | None):
        super().__init__()
        self.end = time.monotonic() + 60 * (minutes or math.inf)

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.end

    def on_train_batch_end(self, batch, logs=None):
        if self.is_over:
            signal.raise_signal(signal.SIGTERM)
