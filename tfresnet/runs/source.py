"""A trained model, wherever it is: a run, a file, or a name that is shipped."""

from dataclasses import replace
from pathlib import Path

import keras

from tfresnet import models
from tfresnet.data import load_dataset
from tfresnet.data.dataset import Dataset, Split
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.runs.network import Channels, build_network, mean_and_std, prepared
from tfresnet.runs.record import RunRecord
from tfresnet.runs.variables import model_variables, restore
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.values import channel_numbers


class Source:
    """Where a model is, and the settings that say what it was trained on.

    Args:
        source: run folder, model file or shipped name; with `network` all that
            `models.read_weights` takes.
        network: name of the network that the weights are given to; None: the source has its own.
        mean, std: how pixels are prepared, `R,G,B`, where the source does not say.

    Raises:
        InputError: no such source, a run without model and checkpoint, or one of `mean` and `std`
            alone.
    """

    def __init__(
        self,
        source: str | Path,
        network: str | None = None,
        mean: str | Channels = None,
        std: str | Channels = None,
    ):
        self.name, self.network = source, network
        self.path = models.find_source(source, network)
        self.run = RunRecord(self.path) if self.path.is_dir() else None
        self.config = self.run.config if self.run else TrainConfig()
        self.weights = models.read_weights(source, network) if network else None
        given = {"mean": mean, "std": std}
        given = {name: value and channel_numbers(name, value) for name, value in given.items()}
        self.mean, self.std = mean_and_std(given["mean"], given["std"], self.weights)
        file = self.run.folder.model if self.run else self.path
        is_final = not self.network and (file.is_file() or not self.run)
        self.final = models.load_model(file) if is_final else None
        self.state = None if is_final or self.network else self._newest_state()

    def dataset(
        self,
        name: str | None = None,
        data_dir: str | Path | None = None,
        classes: str | None = None,
        skip_broken: bool = False,
    ) -> Dataset:
        """The data set of the settings, or another one; what is given goes before them."""
        options = {"classes": classes, "skip_broken": skip_broken}
        if (name or self.config.dataset) == "folder" and self.final:
            options["image_size"] = self.final.input_shape[1]
        if self.run and name in (None, self.config.dataset):
            return self.run.load_dataset(data_dir, **options)
        return load_dataset(name or self.config.dataset, data_dir, **options)

    def model(self, data: Dataset | None) -> tuple[keras.Model, str]:
        """(model, "" or what it is in words if it is not a final one).

        Raises:
            InputError: weights or a checkpoint of another network.
        """
        if self.network:
            return self._network_of(data), ""
        if self.final:
            return self.final, ""
        network = build_network(self.config, data)
        group = "average" if self.state.group("average") else "model"
        try:
            restore(model_variables(network, group), self.state.group(group))
        except ValueError as error:
            raise InputError(f"not a run of this network: {error}. Received: {self.path}") from None
        return models.without_auxiliary(network), f"step {self.state.step}"

    def _newest_state(self):
        """Of a run that has no model: it is not finished, or its model was left out."""
        state = self.run.folder.checkpoints.newest()
        if state is None:
            reason = "finished; its model was left out" if self.run.is_finished else "just begun"
            raise InputError(
                f"a run must have a model or a checkpoint ({reason}). Received: {self.path}"
            )
        return state

    def _network_of(self, data):
        if self.weights.num_classes != data.num_classes:  # it would begin anew
            raise InputError(
                f"weights must tell the {data.num_classes} classes of {data.name} apart. "
                f"Received: {self.weights.num_classes} classes, from {self.name}"
            )
        return models.create_model(
            self.network,
            num_classes=data.num_classes,
            input_shape=data.image_shape,
            preprocessing=prepared(self.mean, self.std, data, self.name),
            weights=replace(self.weights, preprocessing=None),  # its classes count as the data's
        )

    def whole(self, image_size: int | None = None) -> keras.Model:
        """The model that takes pixels, where no data set says what these are.

        Args:
            image_size: side of the pictures of `network`; None: its own.

        Raises:
            InputError: as `model`, or it is not known how pixels are prepared.
        """
        if self.network is None:
            model, _ = self.model(None if self.final else self.dataset())
            if models.preprocessing_of(model) is None:
                raise InputError(
                    "a model must say how its pixels are prepared; this one needs --model, --mean "
                    f"and --std. Received: {self.name}"
                )
            return model
        if self.mean is None:
            raise InputError(
                f"mean and std must be given: {self.name} does not say how pixels are prepared. "
                "Received: none"
            )
        own = self.weights.preprocessing
        return models.create_model(
            self.network,
            num_classes=self.weights.num_classes,
            input_shape=image_size and (image_size, image_size, 3),
            preprocessing=Preprocessing(self.mean, self.std, own.class_names if own else ()),
            weights=self.weights,
        )

    def missing_preprocessing(self, model: keras.Model, data: Dataset) -> Preprocessing | None:
        """What has to go before a model that does not say how its pixels are prepared."""
        if own := models.preprocessing_of(model):
            if self.mean and not self.network:
                raise InputError(
                    f"mean and std must not be given: {self.name} has its own. Received: "
                    f"{self.mean} in place of {own.mean}"
                )
            return None
        return prepared(self.mean, self.std, data, model.name)

    def images(self, data: Dataset, split: str) -> Split:
        """The images of "test", or of "val" and "train" as the run split them."""
        if split == "test":
            return data.test
        config = self.config
        train, validation = data.holdout(config.val_size, config.seed, config.train_size)
        if split == "val" and validation is None:
            raise InputError("split must not be val: the run held no images out. Received: 'val'")
        return train if split == "train" else validation
