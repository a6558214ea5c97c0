"""The network of a run, as its settings and its data have it."""

import ast

import keras

from tfresnet import models
from tfresnet.data.dataset import Dataset
from tfresnet.layers import Preprocessing
from tfresnet.layers.rematerialization import rematerialize


def build_network(settings: dict, dataset: Dataset) -> keras.Model:
    """The network with its initial weights, a function of the seed; it takes pixels, 0 to 255.

    Args:
        settings: resolved settings of a run.
        dataset: what it is trained on: gives the classes, the size and statistics of the images.

    Raises:
        InputError: impossible settings.
    """
    options = _options(settings.get("model_option"))
    if settings["zero_init_residual"]:
        options["zero_init_residual"] = True
    if settings["shortcut"] != "auto":
        options["shortcut"] = settings["shortcut"]
    if models.has_auxiliary(settings["model"]):
        options["auxiliary"] = True
    keras.utils.set_random_seed(settings["seed"])
    network = models.create_model(
        settings["model"],
        num_classes=dataset.num_classes,
        input_shape=dataset.image_shape,
        preprocessing=Preprocessing(dataset.mean, dataset.std, dataset.class_names),
        dtype=settings["precision"],
        **options,
    )
    return rematerialize(network) if settings["remat"] else network


def _options(text):
    """`dropout=0.3,batch_norm=False` as a dict; what is no Python literal is a text."""
    options = {}
    for part in filter(None, (text or "").split(",")):
        name, _, value = part.partition("=")
        try:
            options[name.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            options[name.strip()] = value.strip()
    return options
