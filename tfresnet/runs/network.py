"""The network of a run, as its settings and its data have it."""

import ast
import logging

import keras
import numpy as np

from tfresnet import models
from tfresnet.data.dataset import Dataset
from tfresnet.errors import InputError, channel_numbers
from tfresnet.layers import Preprocessing
from tfresnet.layers.rematerialization import rematerialize

logger = logging.getLogger("tfresnet")


def build_network(settings: dict, dataset: Dataset) -> keras.Model:
    """The network with its initial weights, a function of the seed; it takes pixels, 0 to 255.

    Args:
        settings: resolved settings of a run.
        dataset: what it is trained on: gives the classes, the size and statistics of the images.

    Raises:
        InputError: impossible settings.
    """
    options = options_of(settings)
    frozen = settings.get("transfer", "all") != "all"
    if models.has_auxiliary(settings["model"]) and not frozen:
        options["auxiliary"] = True
    keras.utils.set_random_seed(settings["seed"])
    network = models.create_model(
        settings["model"],
        num_classes=dataset.num_classes,
        input_shape=dataset.image_shape,
        preprocessing=prepared(settings.get("mean"), settings.get("std"), dataset),
        dtype=settings["precision"],
        **options,
    )
    if frozen:
        models.train_last_stages(network, settings["train_stages"] or 0)
        if settings["transfer"] == "head" and not isinstance(
            network.layers[-1], keras.layers.Dense
        ):
            raise InputError(
                f"transfer must not be head: {network.name} does not end in a dense layer. "
                "Received: 'head'"
            )
    return rematerialize(network) if settings["remat"] else network


def prepared(
    mean: str | None, std: str | None, dataset: Dataset, source: str | None = None
) -> Preprocessing:
    """What makes the input of pixels, by `R,G,B` in the range 0..1; None: the data set's own, which
    is logged as a guess about `source`."""
    if source and mean is None:
        logger.warning(
            "%s does not say how its pixels are prepared: they are fed as %s has it (--mean and "
            "--std say otherwise)",
            *(source, dataset.name),
        )
    own = {"mean": dataset.mean, "std": dataset.std}
    own |= {k: channel_numbers(k, v) for k, v in {"mean": mean, "std": std}.items() if v}
    return Preprocessing(**own, class_names=dataset.class_names)


def mean_and_std(
    mean: str | None, std: str | None, weights: models.Weights | None
) -> tuple[str | None, str | None]:
    """What `prepared` takes for a network with these weights: what is given, else theirs.

    Numbers other than theirs are logged.

    Raises:
        InputError: one of the two alone.
    """
    if (mean is None) != (std is None):
        raise InputError(f"mean must be given with std, and std with mean. Received: {mean}, {std}")
    if weights is None:
        return mean, std
    own = weights.preprocessing
    theirs = own and tuple(",".join(map(repr, numbers)) for numbers in (own.mean, own.std))
    if mean is None:
        return theirs or (None, None)
    given = channel_numbers("mean", mean), channel_numbers("std", std)
    if own and not np.allclose(given, (own.mean, own.std), atol=1e-3):
        logger.warning("%s was trained on pixels of mean %s and std %s", weights.source, *theirs)
    return mean, std


def options_of(settings: dict) -> dict:
    """What some settings ask of `create_model`: `dropout=0.3,batch_norm=False` as a dict (what is
    no Python literal is a text), and the shortcuts."""
    options = {}
    for part in filter(None, (settings.get("model_option") or "").split(",")):
        name, _, value = part.partition("=")
        try:
            options[name.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            options[name.strip()] = value.strip()
    if settings["zero_init_residual"]:
        options["zero_init_residual"] = True
    if settings["shortcut"] != "auto":
        options["shortcut"] = settings["shortcut"]
    return options
