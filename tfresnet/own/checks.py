"""Checks a user's network before it is trained, and remarks on how it will be."""

from collections.abc import Iterator

import keras
import numpy as np

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.own.behaviour import Behaviour
from tfresnet.settings.config import TrainConfig

_NAMES_AROUND = {"images", "preprocessing", "answers"}
_OURS_ALONE = ("shortcut", "zero_init_residual", "remat")


def check_settings(config: TrainConfig) -> None:
    """Raises `InputError` for a setting that only networks of ours have."""
    usual = TrainConfig()
    for name in _OURS_ALONE:
        if getattr(config, name) != getattr(usual, name):
            raise InputError(
                f"{name} must not be given with a network of your own (write it into its code). "
                f"Received: {getattr(config, name)}"
            )


def check_pixels(used: Preprocessing, config: TrainConfig, name: str) -> None:
    """Raises `InputError` for a mean that is given to a network that scales pixels itself."""
    if config.mean and not np.allclose((used.mean, used.std), (config.mean, config.std)):
        raise InputError(
            f"mean must not be given: {name} scales pixels itself. Received: {config.mean}"
        )


def check_input(network: keras.Layer, name: str) -> None:
    """Raises `InputError` unless a network, if it is built, takes one batch of any size."""
    inputs = getattr(network, "inputs", None) or []
    if len(inputs) > 1:
        raise InputError(f"{name} must have one input, the pictures. Received: {len(inputs)}")
    if inputs and inputs[0].shape[0] is not None:
        raise InputError(
            f"{name} must take batches of any size (no batch_size in its Input). "
            f"Received: {inputs[0].shape[0]}"
        )


def check_network(network: keras.Layer, answers: object, classes: int, name: str) -> None:
    """Raises `InputError` unless a built network gives an answer a class, and can learn."""
    count = len(keras.tree.flatten(answers))
    if count != 1:
        raise InputError(f"{name} must have one output, the classes. Received: {count}")
    shape = keras.tree.flatten(answers)[0].shape
    if tuple(shape) != (None, classes):
        raise InputError(
            f"{name} must answer with one number a class, (batch, {classes}). Received: {shape}"
        )
    if not network.trainable_weights:
        raise InputError(f"{name} must have weights to train. Received: none")
    paths = [v.path for v in network.variables if "seed_generator" not in v.path]
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise InputError(
            f"the layers of {name} must have names of their own. Received twice: {twice[0]}"
        )
    layers = network._flatten_layers()
    if unsafe := [layer.name for layer in layers if isinstance(layer, keras.layers.Lambda)]:
        raise InputError(
            f"{name} must have no Lambda, whose code goes into the model file (write a layer). "
            f"Received: {', '.join(unsafe)}"
        )


def is_stock(network: keras.Layer) -> bool:
    """Whether Keras and tfresnet can read the network from a file without its code, and its layers
    can stand beside those that are put around it."""
    if not type(network).__module__.startswith("keras.") or not hasattr(network, "layers"):
        return False
    try:
        parts = [*_parts(keras.saving.serialize_keras_object(network))]
    except (NotImplementedError, TypeError, ValueError):
        return False
    names = {
        layer.name for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)
    }
    return all(map(_is_known, parts)) and not names & _NAMES_AROUND


def _parts(content: object) -> Iterator[dict]:
    """The descriptions of objects in a serialized one."""
    if isinstance(content, dict):
        if "class_name" in content:
            yield content
        content = content.values()
    elif not isinstance(content, list | tuple):
        return
    for part in content:
        yield from _parts(part)


def _is_known(part):
    if str(part.get("registered_name")).startswith("tfresnet>"):
        return True
    plain = part["class_name"] in ("__keras_tensor__", "__tensor__", "__numpy__", "__tuple__")
    return plain or str(part.get("module")).startswith("keras")


def remarks(model: keras.Model, seen: Behaviour, config: TrainConfig) -> Iterator[str]:
    """Lines for the user about a network that is about to be trained."""
    kind = "probabilities, whose logarithms the loss takes" if seen.probabilities else "logits"
    yield f"{model.name} gives {kind}"
    if seen.white:
        yield f"{model.name} scales pixels itself: it gets them from 0 to {seen.white}"
    computes = models.precision_of(model)
    if computes != config.precision:
        yield f"{model.name} computes in {computes}, as it says itself, not in {config.precision}"
    decayed = [v for v in model.trainable_variables if v.regularizer is not None]
    if decayed and config.weight_decay:
        yield (
            f"{len(decayed)} variables have a regularizer ({decayed[0].path} ...), which counts "
            f"beside the decay of {config.weight_decay:g} (--weight-decay 0 leaves one)"
        )
