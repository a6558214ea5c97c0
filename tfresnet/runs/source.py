"""Loads a trained model from a run, a file or a shipped name."""

import logging
from dataclasses import replace
from pathlib import Path

import keras

from tfresnet import models
from tfresnet.data import load_dataset
from tfresnet.data.dataset import Dataset, Split
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.own.behaviour import observe
from tfresnet.own.network import OwnNetwork
from tfresnet.runs.network import Channels, build_network, make_preprocessing, mean_and_std
from tfresnet.runs.own_code import own_network
from tfresnet.runs.record import RunRecord
from tfresnet.runs.variables import model_variables, restore
from tfresnet.settings import values
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.model_names import is_name
from tfresnet.settings.pixels import pixel_statistics

logger = logging.getLogger("tfresnet")


class Source:
    """The place of a model, and the settings of its training.

    Args:
        source: run folder, model file or shipped name; with `network`, the name of the network
            that gets the weights, everything that `models.read_weights` takes.
            Or the code that defines the layers of the source; see `OwnNetwork`.
        mean, std: of the pixels, `R,G,B` in 0..1, if the source lacks them.
        pixels: in place of both, see `models.Weights.prepared_as`.
        trust_code: run the code of its own network that a run folder holds.
        options: `stem` and `shortcut` of `network`; None: as its weights show.

    Raises `InputError`: no such source, a run without model and checkpoint, only one of `mean` and
    `std`, or `pixels` for a source that has its own preprocessing.
    """

    def __init__(
        self,
        source: str | Path,
        network: object = None,
        mean: str | Channels = None,
        std: str | Channels = None,
        pixels: str | None = None,
        trust_code: bool = False,
        **options: str | None,
    ):
        code, network = (None, network) if is_name(network) else (network, None)
        self.name, self.network = source, network
        self.options = {name: value for name, value in options.items() if value is not None}
        self.path = models.find_source(source, network)
        self.run = RunRecord(self.path) if self.path.is_dir() else None
        self.own = own_network(self.run, code, trust_code)
        if self.run:
            self.run.own = self.own
        self.config = self.run.config if self.run else TrainConfig()
        self.weights = models.read_weights(source, network, pixels) if network else None
        mean, std = mean and values.channels(mean, "mean"), std and values.channels(std, "std")
        self.mean, self.std = mean_and_std(mean, std, self.weights)
        file = self.run.folder.model if self.run else self.path
        is_final = not self.network and (file.is_file() or not self.run)
        code = self.own and self.own.custom_objects()
        self.final = models.load_model(file, code) if is_final else None
        self.state = None if is_final or self.network else self._newest_state()
        if pixels and not network:
            self._prepare_as(pixels)

    def dataset(
        self, name: str | None = None, data_dir: str | Path | None = None, **options: object
    ) -> Dataset:
        """The data set of the run, or another one; arguments replace the run's settings."""
        if (name or self.config.dataset) == "folder" and not options.get("image_size"):
            options["image_size"] = self._picture_side(name)
        if self.run and name in (None, self.config.dataset):
            return self.run.load_dataset(data_dir, **options)
        return load_dataset(name or self.config.dataset, data_dir, **options)

    def _picture_side(self, dataset: str | None) -> int | None:
        """Side of the pictures of a folder, the same as in `whole`; None: as the settings say."""
        if getattr(self.final, "inputs", None):
            return models.picture_side(self.final)
        if self.run and dataset in (None, self.config.dataset):
            return None
        if self.network:
            stem = self.weights.options | self.options
            return models.image_side(self.network, stem.get("stem", "auto"))
        return self.run.dataset.image_shape[0] if self.run else None

    def model(self, data: Dataset | None) -> tuple[keras.Model, str]:
        """Returns (model, "" or the step of the checkpoint if the run is unfinished). Raises
        `InputError`: weights or a checkpoint of another network."""
        if self.network:
            return self._fill_network(data), ""
        if self.final and (data is None or not self.own or models.preprocessing_of(self.final)):
            return self.final, ""
        if self.final:  # of Keras' own fit, with layers of its own
            usual = make_preprocessing(self.mean, self.std, data)
            return OwnNetwork(self.final).trained(data.image_shape, usual), ""
        network = build_network(self.config, data, self.own)
        group = self.state.model_group()
        try:
            restore(model_variables(network, group), self.state.group(group))
        except ValueError as error:
            raise InputError(f"not a run of this network: {error}. Received: {self.path}") from None
        return models.without_auxiliary(network), f"step {self.state.step}"

    def _prepare_as(self, pixels):
        if self.final is None or models.preprocessing_of(self.final):
            raise InputError(
                f"pixels must not be given: {self.name} says how its pixels are prepared. "
                f"Received: {pixels!r}"
            )
        self.mean, self.std = pixel_statistics(pixels)
        if pixels == "caffe":
            models.swap_colours(self.final)

    def _newest_state(self):
        """The newest checkpoint of a run without a model."""
        state = self.run.folder.checkpoints.newest()
        if state is None:
            reason = "finished; its model was left out" if self.run.is_finished else "just begun"
            raise InputError(
                f"a run must have a model or a checkpoint ({reason}). Received: {self.path}"
            )
        return state

    def _fill_network(self, data):
        if self.weights.num_classes != data.num_classes:  # the classifier would start untrained
            raise InputError(
                f"weights must tell the {data.num_classes} classes of {data.name} apart. "
                f"Received: {self.weights.num_classes} classes, from {self.name}"
            )
        return models.create_model(
            self.network,
            num_classes=data.num_classes,
            input_shape=data.image_shape,
            preprocessing=make_preprocessing(self.mean, self.std, data, self.name),
            weights=replace(self.weights, preprocessing=None),  # the data set names the classes
            **self.options,
        )

    def pixel_model(self, image_size: int | None = None) -> keras.Model:
        """The model from pixels to logits, without a data set; `image_size` is for `network`.
        Raises `InputError` as `model`, and if mean and deviation are unknown."""
        if self.network is None:
            model, _ = self.model(None if self.final else self.dataset())
            self._check_own(model)
            if models.preprocessing_of(model) or (self.mean is None and _scales_pixels(model)):
                return model
        if self.mean is None:
            raise InputError(
                "a model must say how its pixels are prepared, or mean and std must be given, or "
                f"pixels. Received: {self.name}"
            )
        if self.network is None:
            return models.preparing(model, Preprocessing(self.mean, self.std))
        own = self.weights.preprocessing
        return models.create_model(
            self.network,
            num_classes=self.weights.num_classes,
            input_shape=image_size and (image_size, image_size, 3),
            preprocessing=Preprocessing(self.mean, self.std, own.class_names if own else ()),
            **self.options,
            weights=self.weights,
        )

    def missing_preprocessing(self, model: keras.Model, data: Dataset) -> Preprocessing | None:
        """The preprocessing for a model that has none; None for one that has."""
        self._check_own(model)
        if models.preprocessing_of(model):
            return None
        seen = None if self.mean else observe(model, data.image_shape)
        if seen and seen.white:
            logger.warning("%s scales pixels itself: it gets 0 to %d", model.name, seen.white)
            return seen.preprocessing(make_preprocessing(None, None, data))
        return make_preprocessing(self.mean, self.std, data, model.name)

    def _check_own(self, model):
        own = models.preprocessing_of(model)
        if own and self.mean and not self.network:
            raise InputError(
                f"mean and std must not be given: {self.name} has its own. Received: "
                f"{self.mean} in place of {own.mean}"
            )

    def images(self, data: Dataset, split: str) -> Split:
        """The images of "test", "val" or "train"; the last two as the run split them."""
        if split == "test":
            return data.test
        config = self.config
        train, validation = data.holdout(config.val_size, config.seed, config.train_size)
        if split == "val" and validation is None:
            raise InputError("split must not be val: the run held no images out. Received: 'val'")
        return train if split == "train" else validation


def _scales_pixels(model):
    """Whether a model takes pixels from 0 to 255 although it has no preprocessing of ours."""
    inputs = getattr(model, "inputs", None) or [model]
    shape = tuple(getattr(inputs[0], "shape", ()))[1:]
    return len(shape) == 3 and None not in shape and observe(model, shape).white == 255
