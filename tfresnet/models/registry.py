"""All networks by name."""

import difflib
import fnmatch
import inspect
import re
from collections.abc import Callable

import keras

from tfresnet.errors import InputError

_BUILDERS: dict[str, Callable[..., keras.Model]] = {}


def register(name: str, builder: Callable[..., keras.Model]) -> None:
    """Makes `builder(num_classes=, input_shape=, **options)` known as `name`."""
    if name in _BUILDERS:
        raise ValueError(f"a model of this name is registered already. Received: {name!r}")
    _BUILDERS[name] = builder


def list_models(pattern: str = "*") -> list[str]:
    """Names that match a shell pattern such as "resnet*", numbers in natural order."""
    return sorted(fnmatch.filter(_BUILDERS, pattern), key=_natural)


def create_model(name: str, **options) -> keras.Model:
    """Builds a network with fresh weights.

    Args:
        name: one of `list_models()`.
        **options: of the network's builder; every one takes `num_classes`, `input_shape`
            (height, width, channels), `include_top`, `pooling`, `classifier_activation` (None:
            logits) and `weights` (a weights or model file, or None).

    Raises:
        InputError: an unknown name (the nearest ones are named), option, or impossible value.
    """
    if name not in _BUILDERS:
        raise InputError(f"{_unknown(name)}. Received: {name!r}")
    try:
        return _BUILDERS[name](**options)
    except TypeError as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown is None or unknown[1] not in options:
            raise
        raise InputError(f"{name} has no such option. Received: {unknown[1]!r}") from error


def has_auxiliary(name: str) -> bool:
    """Whether the network can be built with auxiliary classifiers: `auxiliary=True`."""
    return name in _BUILDERS and "auxiliary" in inspect.signature(_BUILDERS[name]).parameters


def _unknown(name):
    near = difflib.get_close_matches(str(name), _BUILDERS, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(list_models())}"
    return f"model must be one that list_models() names; {hint}"


def _natural(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
