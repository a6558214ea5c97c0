"""The names of all networks, known without Keras; a test compares them with the registry."""

import difflib
import os
from collections.abc import Sequence

from tfresnet.errors import InputError

RESNETS = (  # section 4.1 of the paper: 64 to 2048 channels; d: ResNet-D
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "plain18", "plain34"),
    *("resnet18d", "resnet50d"),
)
CIFAR_NETWORKS = (  # section 4.2 of the paper: 16 to 64 channels
    *("resnet8", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet1202"),
    *("plain20", "plain32", "plain44", "plain56", "plain110"),
)
MODELS = (
    *RESNETS,
    *CIFAR_NETWORKS,
    *("alexnet", "vgg16", "vgg19", "nin", "googlenet", "inception_v3"),
    *("resnet50v2", "resnet110v2", "wrn16_2", "wrn16_4", "wrn28_10"),
    *("cnn3", "inception3"),
)


def check_model_name(name: str, known: Sequence[str] = MODELS) -> None:
    """Raises `InputError`, with the nearest names, unless `name` is one of `known`."""
    if name in known:
        return
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(known)}"
    raise InputError(f"model must be one that list_models() names; {hint}. Received: {name!r}")


def own_code(model: str) -> tuple[str, str | None] | None:
    """(FILE.py, NAME) if `model` names code of the user's own, else None.

    `FILE.py` alone has no NAME; `:NAME` is a Python object, which has no file.
    """
    file, colon, name = model.rpartition(":")
    if colon and (not file or file.endswith(".py")):
        return file, name
    return (model, None) if model.endswith(".py") else None


def is_name(model: object) -> bool:
    """Whether `model` is None or names a network of ours, and is no file and no object."""
    return model is None or (isinstance(model, str) and own_code(model) is None)


def short_name(model: str) -> str:
    """A name of a network that can name a folder: NAME of `FILE.py:NAME`."""
    file, name = own_code(model) or ("", model)
    return name or os.path.basename(file).removesuffix(".py")


def check_model(model: str) -> None:
    """Raises `InputError` unless `model` is a network of ours or a file that exists."""
    file, _ = own_code(model) or (None, None)
    if file is None:
        check_model_name(model)
    elif not os.path.isfile(file):
        raise InputError(f"model must be a network's name or a file. Received: {model!r}")
