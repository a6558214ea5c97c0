"""Weights for the residual networks of PyTorch's libraries, as a safetensors file."""

from pathlib import Path

import keras
import numpy as np

from tfresnet import models
from tfresnet.errors import InputError, RunError
from tfresnet.layers import IdentityBlock, ProjectionBlock
from tfresnet.layers.residual import Unit
from tfresnet.system.atomic import atomic_write
from tfresnet.weights import layouts, read_arrays, safetensors

LIBRARIES = {
    "torchvision": "torchvision and timm",
    "akamaster": "akamaster/pytorch_resnet_cifar10",
}
_EPSILON = 1e-5  # of PyTorch's batch normalisation


def export_weights(model: keras.Model, output: str | Path) -> str:
    """Writes the weights by torchvision's names (four stages) or akamaster's (three).

    The metadata holds the name, the stem, mean, deviation and classes of the network. Our own
    reader must give every weight back bit for bit.

    Returns a line about the file.

    Raises:
        InputError: `output` exists or has a wrong suffix, or the libraries cannot say the network.
    """
    output = Path(output)
    if reason := unsayable(model):
        raise InputError(
            f"a network must be one of torchvision or akamaster for safetensors ({reason}). "
            f"Received: {model.name}"
        )
    arrays = {variable.path: np.asarray(variable) for variable in model.variables}
    theirs, library = layouts.to_torch(arrays)
    with atomic_write(output) as temporary:
        safetensors.write(temporary, theirs, _facts(model))
        back, _ = read_arrays(temporary)
        if {n: a.tobytes() for n, a in back.items()} != {n: a.tobytes() for n, a in arrays.items()}:
            raise RunError(f"the weights of {model.name} do not come back from safetensors")
    size = output.stat().st_size / 1e6
    return f"{output}: {model.name} for {LIBRARIES[library]}, {size:.1f} MB; read back bit for bit"


def unsayable(model: keras.Model) -> str:
    """What of the network neither library has; "" if one has it all."""
    units = [layer for layer in model.layers if isinstance(layer, Unit)]
    others = [layer.name for layer in model.layers if layer.weights and layer not in units]
    if unknown := sorted({*others} - {"conv1", "predictions"}):
        return f"it has a layer {unknown[0]}"
    is_large = any(unit.name.startswith("conv5_") for unit in units)
    reasons = (_unsayable_unit(unit, is_large) for unit in units)
    return next(filter(None, reasons), "" if units else "it has no residual unit")


def _unsayable_unit(unit, is_large):
    changes = unit.strides > 1 or unit.input.shape[-1] != unit.out_channels
    projects = isinstance(unit, ProjectionBlock)
    if type(unit) not in (IdentityBlock, ProjectionBlock):
        return f"it has units of type {type(unit).__name__}"
    if unit.bottleneck and not unit.stride_in_3x3:
        return "its bottlenecks have their stride in the first 1x1, not in the 3x3"
    if projects and not changes:
        return "it has projections where the shape stays (option C)"
    if is_large and changes and not projects:
        return "its shortcuts are of option A"
    return "" if unit.epsilon == _EPSILON else f"epsilon of its normalisation is {unit.epsilon}"


def _facts(model):
    preprocessing = models.preprocessing_of(model)
    names = {layer.name: layer for layer in model.layers}
    is_small = names["conv1"].kernel_size == 3
    stem = ("cifar_pool" if "pool1" in names else "cifar") if is_small else "imagenet"
    facts = {"network": model.name, "stem": stem}
    if preprocessing:
        facts |= {name: getattr(preprocessing, name) for name in ("mean", "std", "class_names")}
    return facts
