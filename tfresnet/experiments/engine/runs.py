"""The runs that studies need: trained or continued where they are missing, and read."""

import functools
import math
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from tfresnet import models
from tfresnet.data import load_dataset
from tfresnet.data.dataset import Dataset, Split
from tfresnet.errors import InputError
from tfresnet.experiments.engine.budget import name_of, settings_of
from tfresnet.runs.folder import RunFolder
from tfresnet.runs.network import build_network
from tfresnet.signals import Interrupted
from tfresnet.training.recipes import EARLIER


@dataclass(frozen=True)
class Kept:
    """A finished run: what its folder says, and its model and images where they are at hand."""

    path: Path

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.path)

    @property
    def settings(self) -> dict:
        return self.folder.read_config()["settings"]

    @functools.cached_property
    def history(self) -> list[dict]:
        return self.folder.read_history()

    @functools.cached_property
    def result(self) -> dict:
        return self.folder.read_result()

    def curve(self, column: str) -> list[float]:
        """A column of the history, an epoch each; of a `top1` the error in percent."""
        values = [row[column] for row in self.history]
        return [round(100 * (1 - v), 3) for v in values] if column.endswith("top1") else values

    @property
    def test_error(self) -> float:
        """Percent of the test images, read once at the end of the run."""
        return round(100 * (1 - self.result["top1"]), 3)

    def check_model(self) -> None:
        """Raises `InputError` if the run's model is not there."""
        if not self.folder.model.exists():
            raise InputError(
                "a trained model is needed, and git keeps none: delete the run's folder to train "
                f"it again. Received: no {self.folder.model}"
            )

    @functools.cached_property
    def model(self) -> keras.Model:
        """The trained network, from pixels to logits; `InputError` if its file is not there."""
        model = models.load_model(self.folder.model)
        if models.preprocessing_of(model):
            return model
        network = models.without_auxiliary(build_network(self.settings, self.dataset))
        network.set_weights(model.get_weights())  # of a file from before networks took pixels
        return network

    @functools.cached_property
    def dataset(self) -> Dataset:
        return load_dataset(self.settings["dataset"], self.settings["data_dir"])

    def validation(self, images: int) -> Split:
        """The first `images` of those held out: not used in training, and none of the test."""
        settings = self.settings
        sizes = (settings[name] for name in ("val_size", "seed", "train_size"))
        held_out = self.dataset.holdout(*sizes)[1]
        if held_out is None:
            raise InputError(f"a run must have held images out (--val-size). Received: {self.path}")
        return held_out.take(range(min(images, len(held_out))))


@dataclass(frozen=True)
class Needed:
    """A run as the difference from the budget; the same settings have the same folder.

    source: the run from whose weights this one starts; None: from its own.
    """

    differences: dict
    folder: Path  # of all runs
    quick: bool = False

    @property
    def source(self) -> "Needed | None":
        other = self.differences.get("weights")
        return replace(self, differences=other) if other else None

    @property
    def settings(self) -> dict:
        settings = settings_of(self.differences, self.quick)
        return settings | {"weights": str(self.source.path) if self.source else None}

    @property
    def path(self) -> Path:
        return self.folder / name_of(self.differences, self.quick)

    @property
    def epochs_done(self) -> float:
        """Epochs in the newest checkpoint, also a part of one."""
        paths = self._checked_folder().checkpoints.paths()
        return int(paths[-1].stem[5:]) / self.steps_per_epoch if paths else 0.0

    @property
    def steps_per_epoch(self) -> int:
        settings = self.settings
        images = settings["train_size"] or 50_000 - settings["val_size"]
        return images // settings["batch_size"]

    @property
    def is_finished(self) -> bool:
        """Whether its outcome is there; the model may not be, which git does not keep."""
        return self._checked_folder().read_result() is not None

    def trained(self, limit: "TimeLimit") -> Kept:
        """The run, trained as far as it was not, its source before it.

        Raises:
            InputError: the folder holds a run of other settings, or the source has no model.
            Interrupted: the time is over; what was trained is saved.
        """
        from tfresnet.training.config import TrainConfig
        from tfresnet.training.loop import train

        if self.is_finished:
            return Kept(self.path)
        if limit.is_over:
            raise Interrupted(signal.SIGTERM, f"{self.path.name} is next")
        if self.source:
            self.source.trained(limit).check_model()
        keras.utils.clear_session()
        if self.path.exists():
            train(resume=self.path, callbacks=[limit])
        else:
            place = {"output_dir": str(self.folder), "name": self.path.name}
            train(TrainConfig(**self.settings, **place), callbacks=[limit])
        return Kept(self.path)

    def _checked_folder(self):
        run = RunFolder(self.path)
        if run.config.exists():
            self._check(run)
        return run

    def _check(self, run):
        found = EARLIER | run.read_config()["settings"]
        if found.get("weights"):  # the folder of all runs may have moved
            found["weights"] = str(self.folder / Path(found["weights"]).name)
        wrong = {key for key, value in self.settings.items() if found.get(key) != value}
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
