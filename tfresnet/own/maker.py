"""Calls the class or function that makes a user's network, with the arguments it asks for."""

import inspect

import keras

from tfresnet.errors import InputError

RULE = (
    "a model must be a Keras model, or a class or function of (), (num_classes) or "
    "(input_shape, num_classes) that makes one"
)
_CLASSES = ("classes", "class_num", "classnum", "num_class", "n_class", "nclass")


def makes_networks(thing: object) -> bool:
    """Whether a definition in a user's file is likely to be a network, not a part of one."""
    if isinstance(thing, keras.Layer):
        return True
    is_part = inspect.isclass(thing) and not issubclass(thing, keras.Model)
    return not is_part and "input" not in map(_role, _parameters(thing))


def make_network(
    thing: object, name: str, shape: tuple[int, int, int], classes: int, options: dict
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
    signature, roles = inspect.signature(thing), {p.name: _role(p) for p in _parameters(thing)}
    any_name = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    if options.keys() - roles.keys() and not any_name:
        raise InputError(
            f"model_option must name parameters of {name} ({', '.join(roles)}). "
            f"Received: {', '.join(options.keys() - roles.keys())}"
        )
    images = keras.Input(shape)
    values = {"shape": shape, "classes": classes, "input": images}
    given = {key: values[role] for key, role in roles.items() if role} | options
    needed = [key for key, role in roles.items() if role == "input" and key not in options]
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


def _parameters(thing):
    found = inspect.signature(thing).parameters.values()
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _role(parameter: inspect.Parameter) -> str | None:
    """The role of a parameter; None: it keeps its default."""
    name, default = parameter.name.lower(), parameter.default
    is_needed = default is parameter.empty
    is_shape = isinstance(default, tuple | list) and len(default) == 3
    if name.endswith("shape") and (is_needed or default is None or is_shape):
        return "shape"
    if name.endswith(_CLASSES):
        return "classes"
    return "input" if is_needed else None
