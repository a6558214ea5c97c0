"""The parameters of a user's class or function by role, and the call that makes a network."""

import inspect
import re
from collections.abc import Callable

import keras

from tfresnet.errors import InputError

RULE = (
    "a model must be a Keras model, or a class or function of (), (num_classes) or "
    "(input_shape, num_classes) that makes one"
)
_CLASSES = ("classes", "class_num", "classnum", "num_class", "n_class", "nclass", "class_count")
_CHANNELS = r"filter|channel|planes|kernels?_?num|num_?kernel|^n?_?kernels$"
_SHORTCUT = r"downsample|shortcut|residual|project|1x1"


def makes_networks(thing: object) -> bool:
    """Whether a definition in a user's file is likely to be a network, not a part of one."""
    if isinstance(thing, keras.Layer):
        return True
    is_part = inspect.isclass(thing) and not issubclass(thing, keras.Model)
    return not is_part and not _needed(thing)


def make_network(
    thing: Callable, name: str, shape: tuple[int, int, int], classes: int, options: dict
) -> keras.Layer:
    """Makes the network, also from a function that calls layers on an input tensor.

    Args:
        name: of `thing`.
        shape: of a picture, for a parameter `input_shape`.
        classes: for a parameter `num_classes` or `classes`.
        options: further arguments by name.

    Raises:
        InputError: it needs something else, or gives no network.
    """
    signature, roles = inspect.signature(thing), find_roles(thing)
    any_name = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    if options.keys() - roles.keys() and not any_name:
        raise InputError(
            f"model_option must name parameters of {name} ({', '.join(roles)}). "
            f"Received: {', '.join(options.keys() - roles.keys())}"
        )
    images = keras.Input(shape)
    values = {"input_shape": shape, "num_classes": classes}
    needed = [key for key in _needed(thing) if key not in options]
    given = {key: values[role] for key, role in roles.items() if role in values}
    given |= dict.fromkeys(needed, images) | options
    if len(needed) > (not inspect.isclass(thing)):
        raise InputError(f"{RULE}. Received: {name}, which needs {', '.join(needed)}")
    by_place = [given.pop(p.name) for p in _parameters(thing) if p.kind is p.POSITIONAL_ONLY]
    made = thing(*by_place, **given)
    if isinstance(made, keras.KerasTensor) and needed:
        return keras.Model(images, made)
    if not isinstance(made, keras.Layer):
        kind = f"{type(made).__module__}.{type(made).__name__}"
        raise InputError(f"{RULE}. Received: {name}, which gives {kind}")
    return made


def find_roles(thing: Callable) -> dict[str, str | None]:
    """Parameter -> its role; None: it keeps its default.

    Without a default, what has no other role is "input": the tensor that a function calls layers
    on.
    """
    return {p.name: _role(p) for p in _parameters(thing)}


def _needed(thing):
    """The parameters without a default that are neither the shape nor the classes."""
    needed = (p for p in _parameters(thing) if p.default is p.empty)
    return [p.name for p in needed if _role(p) not in ("input_shape", "num_classes")]


def _parameters(thing):
    found = inspect.signature(thing).parameters.values()
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _role(parameter):
    name, default = parameter.name.lower(), parameter.default
    is_needed = default is parameter.empty
    otherwise = "input" if is_needed else None
    if (default is None or default is False) and re.search(_SHORTCUT, name):
        return "shortcut"
    if name.startswith(("init", "base", "start")):  # widths of a network's first stage
        return otherwise
    if "stride" in name:
        return "strides"
    if re.search(_CHANNELS, name) and "size" not in name:
        return "in_channels" if name.startswith(("in", "last", "prev")) else "filters"
    is_shape = isinstance(default, tuple | list) and len(default) == 3
    if name.endswith("shape") and (is_needed or default is None or is_shape):
        return "input_shape"
    return "num_classes" if name.endswith(_CLASSES) else otherwise
