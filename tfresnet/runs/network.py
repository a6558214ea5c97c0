"""The network of a run, as its settings and its data have it."""

import logging

import keras
import numpy as np

from tfresnet import models
from tfresnet.data.dataset import Dataset
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.layers.rematerialization import rematerialize
from tfresnet.settings.config import TrainConfig

logger = logging.getLogger("tfresnet")
Channels = tuple[float, ...] | None


def build_network(config: TrainConfig, dataset: Dataset) -> keras.Model:
    """The network with its initial weights, a function of the seed; it takes pixels, 0 to 255.

    Args:
        config: resolved settings.
        dataset: gives the classes, the size of the images and their statistics.

    Raises:
        InputError: impossible settings.
    """
    options = model_options(config)
    frozen = config.transfer != "all"
    if models.has_auxiliary(config.model) and not frozen:
        options["auxiliary"] = True
    keras.utils.set_random_seed(config.seed)
    network = models.create_model(
        config.model,
        num_classes=dataset.num_classes,
        input_shape=dataset.image_shape,
        preprocessing=prepared(config.mean, config.std, dataset),
        dtype=config.precision,
        **options,
    )
    if frozen:
        models.train_last_stages(network, config.train_stages or 0)
        if config.transfer == "head" and not isinstance(network.layers[-1], keras.layers.Dense):
            raise InputError(
                f"transfer must not be head: {network.name} does not end in a dense layer. "
                "Received: 'head'"
            )
    return rematerialize(network) if config.remat else network


def prepared(
    mean: Channels, std: Channels, dataset: Dataset, source: str | None = None
) -> Preprocessing:
    """The layer that normalises pixels, with the class names of the data set.

    Args:
        mean, std: of the channels, in 0..1; None: those of the data set.
        source: where weights come from that do not say; the guess is then logged.
    """
    if source and mean is None:
        logger.warning(
            "%s does not say how its pixels are prepared: they are fed as %s has it (--mean and "
            "--std say otherwise)",
            *(source, dataset.name),
        )
    return Preprocessing(
        mean=mean or dataset.mean, std=std or dataset.std, class_names=dataset.class_names
    )


def mean_and_std(
    mean: Channels, std: Channels, weights: models.Weights | None
) -> tuple[Channels, Channels]:
    """Mean and deviation for a network with these weights: what is given, else theirs.

    Numbers other than theirs are logged.

    Raises:
        InputError: one of the two alone.
    """
    if (mean is None) != (std is None):
        raise InputError(f"mean must be given with std, and std with mean. Received: {mean}, {std}")
    own = weights.preprocessing if weights else None
    if own is None:
        return mean, std
    if mean is None:
        return tuple(own.mean), tuple(own.std)
    if not np.allclose((mean, std), (own.mean, own.std), atol=1e-3):
        logger.warning(
            "%s was trained on pixels of mean %s and std %s", weights.source, own.mean, own.std
        )
    return mean, std


def model_options(config: TrainConfig) -> dict[str, object]:
    """What the settings ask of `create_model` beyond the defaults of the network."""
    options = dict(config.model_option or {})
    if config.zero_init_residual:
        options["zero_init_residual"] = True
    if config.shortcut != "auto":
        options["shortcut"] = config.shortcut
    return options
