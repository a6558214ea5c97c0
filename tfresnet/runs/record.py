"""Reads what is known of a run from its folder."""

import functools
from pathlib import Path

import keras

from tfresnet import models
from tfresnet.data import OPTIONS, load_dataset, stored_data_dir
from tfresnet.data.dataset import Dataset, Split
from tfresnet.errors import InputError
from tfresnet.own.network import OwnNetwork
from tfresnet.runs.folder import RunFolder
from tfresnet.runs.network import build_network
from tfresnet.settings.config import TrainConfig


class RunRecord:
    """What is known of a run. Each file of its folder is read once, on first use.

    `known` holds attributes that need not be read, such as `model` right after a training;
    `data_dir`, the place of the data if it is no longer that of the settings; or `own`, the code of
    a user's network, which may run.
    """

    data_dir: str | None = None
    own: OwnNetwork | None = None

    def __init__(self, path: str | Path, **known: object):
        self.path = Path(path).expanduser()
        self.folder = RunFolder(self.path)
        vars(self).update(known)

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @functools.cached_property
    def _content(self) -> dict:
        return self.folder.read_config()

    @functools.cached_property
    def config(self) -> TrainConfig:
        """The resolved settings. Raises `InputError` for a damaged file."""
        return TrainConfig.from_dict(self._content["settings"]).resolved()

    @property
    def environment(self) -> dict:
        """Versions, commit and machine. Raises `InputError` for a damaged file."""
        return self._content["environment"]

    @property
    def sessions(self) -> list[dict]:
        """Time, commit and machine of the start and of each resume."""
        return [self.environment, *self.environment.get("resumed", [])]

    @functools.cached_property
    def code(self) -> str:
        """The code of a user's network that the run keeps; "" without one."""
        file = self.folder.code
        return file.read_text(encoding="utf-8") if file.exists() else ""

    @functools.cached_property
    def history(self) -> list[dict]:
        """A row for each finished epoch. Raises `InputError` if it is missing or damaged."""
        return self.folder.read_history()

    @functools.cached_property
    def result(self) -> dict | None:
        """The result of the test; None before it."""
        return self.folder.read_result()

    @property
    def is_finished(self) -> bool:
        """Whether the run has been tested. Its model may have been deleted to save space."""
        return self.result is not None

    def curve(self, column: str) -> list[float]:
        """A column of the history; for top-1 and top-5 the error in percent."""
        values = [row[column] for row in self.history]
        return [round(100 * (1 - v), 3) for v in values] if "top" in column else values

    @property
    def test_error(self) -> float:
        """Top-1 error on the test images, in percent."""
        return round(100 * (1 - self.result["top1"]), 3)

    def load_dataset(self, data_dir: str | Path | None = None, **options: object) -> Dataset:
        """The data set of the run; `options` replace those of its settings. `data_dir` is the place
        of the data; by default that of the settings, or a usual place."""
        name = self.config.dataset
        place = data_dir or stored_data_dir(name, self.config.data_dir)
        options = {name: options.get(name) or getattr(self.config, name) for name in OPTIONS}
        return load_dataset(name, place, **options)

    @functools.cached_property
    def dataset(self) -> Dataset:
        return self.load_dataset(self.data_dir)

    @functools.cached_property
    def model(self) -> keras.Model:
        """The trained network, from pixels to logits. Raises `InputError` for a damaged file."""
        self.check_model()
        model = models.load_model(self.folder.model, self.own and self.own.custom_objects())
        if models.preprocessing_of(model):
            return model
        # Files of early versions lack the preprocessing layer.
        network = models.without_auxiliary(build_network(self.config, self.dataset, self.own))
        network.set_weights(model.get_weights())
        return network

    def check_model(self) -> None:
        """Raises `InputError` if the file of the trained model is missing."""
        if not self.folder.model.exists():
            why = "its model was left out" if self.is_finished else "it is not finished"
            raise InputError(
                f"a run with its trained model is needed ({why}). Received: {self.path}"
            )

    def held_out(self, most: int) -> Split:
        """Up to `most` validation images. Raises `InputError` if the run has none."""
        config = self.config
        images = self.dataset.holdout(config.val_size, config.seed, config.train_size)[1]
        if images is None:
            raise InputError(f"a run must have held images out (--val-size). Received: {self.path}")
        return images.take(range(min(most, len(images))))
