"""Builds the network of a run from its settings and its data set."""

import logging

import keras
import numpy as np

from tfresnet import models
from tfresnet.data.dataset import Dataset
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.layers.own import NEEDS_CODE
from tfresnet.layers.rematerialization import rematerialize
from tfresnet.own.network import OwnNetwork
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.model_names import own_code

logger = logging.getLogger("tfresnet")
Channels = tuple[float, ...] | None


def build_network(
    config: TrainConfig, dataset: Dataset, own: OwnNetwork | None = None
) -> keras.Model:
    """The network of resolved settings, from pixels (0 to 255) to logits, initialised by the seed.
    `own` makes it if the settings name a user's own. Raises `InputError`: impossible settings, or
    no such code."""
    shapes = {"input_shape": dataset.image_shape, "num_classes": dataset.num_classes}
    preprocessing = make_preprocessing(config.mean, config.std, dataset)
    if own_code(config.model) is None:
        network = _create(config, preprocessing, **shapes)
    elif own is None:
        raise InputError(f"{NEEDS_CODE}. Received: {config.model}")
    else:
        network = own.build(config, preprocessing, **shapes)
    if config.transfer != "all":
        models.train_last_stages(network, config.train_stages or 0)
        if config.transfer == "head" and not isinstance(network.layers[-1], keras.layers.Dense):
            raise InputError(
                f"transfer must not be head: {network.name} does not end in a dense layer. "
                "Received: 'head'"
            )
    return rematerialize(network) if config.remat else network


def _create(config, preprocessing, **shapes):
    options = model_options(config)
    if models.has_auxiliary(config.model) and config.transfer == "all":
        options.setdefault("auxiliary", True)
    keras.utils.set_random_seed(config.seed)
    return models.create_model(
        config.model, preprocessing=preprocessing, dtype=config.precision, **shapes, **options
    )


def make_preprocessing(
    mean: Channels, std: Channels, dataset: Dataset, source: str | None = None
) -> Preprocessing:
    """The layer that normalises pixels, with the mean and deviation of `dataset` unless given. With
    `source`, the name of weights that come without them, it warns about that choice."""
    if source and mean is None:
        logger.warning(
            "%s does not say how its pixels are prepared: they are fed as %s has it (--pixels, "
            "or --mean and --std, say otherwise)",
            source,
            dataset.name,
        )
    return Preprocessing(mean or dataset.mean, std or dataset.std, dataset.class_names)


def mean_and_std(
    mean: Channels, std: Channels, weights: models.Weights | None
) -> tuple[Channels, Channels]:
    """The given mean and deviation, or those of `weights`; warns if they differ."""
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
    """The arguments of `create_model` that differ from the network's defaults."""
    options = dict(config.model_option or {})
    if config.zero_init_residual:
        options["zero_init_residual"] = True
    if config.shortcut != "auto":
        options["shortcut"] = config.shortcut
    return options
