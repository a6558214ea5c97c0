"""Compares the modules of a PyTorch state dict, by name and shape, with one of our networks."""

from pathlib import Path

import numpy as np

from tfresnet.check_unit.comparison import Comparison, Trial, missing_parts
from tfresnet.check_unit.parts import CONVOLUTION, DENSE, NORM, Part
from tfresnet.check_unit.references import nearest, networks
from tfresnet.errors import InputError
from tfresnet.weights import read_file
from tfresnet.weights.layouts import TORCH_AXES, TORCH_BN

_KINDS = {4: CONVOLUTION, 2: DENSE}  # by the axes of the kernel


def compare(path: Path, against: str | None = None) -> Comparison:
    """Compares a state dict with the network `against`, by default resnet18.

    Raises:
        InputError: the file cannot be read, or a module is of a kind that no network here has.
    """
    modules: dict[str, dict] = {}
    for name, array in read_file(path).items():
        module, _, kind = name.rpartition(".")
        if kind != "num_batches_tracked":
            modules.setdefault(module, {})[kind] = array
    parts = [_part(name or path.name, arrays) for name, arrays in modules.items()]
    classes = parts[-1].weights["kernel"].shape[-1] if parts[-1].kind == DENSE else 10
    ours = networks(against or "resnet18", (32, 32, 3), classes)
    pairs, reference, _ = nearest(parts, ours)
    trial = Trial(f"{len(parts)} modules, names and shapes", reference, [*missing_parts(pairs)])
    trial.remarks.append("strides, ReLUs and the order of the calls, which no state dict holds")
    return Comparison(path.name, [trial])


def _part(name, arrays):
    if arrays.keys() == TORCH_BN.keys():
        return Part(NORM, {TORCH_BN[kind]: arrays[kind] for kind in arrays}, name=name)
    dimensions = np.ndim(arrays.get("weight"))
    if dimensions not in _KINDS or not arrays.keys() <= {"weight", "bias"}:
        rule = "a state dict must hold convolutions, batch normalisations and dense layers"
        raise InputError(f"{rule}. Received: {name} with {', '.join(arrays)}")
    kernel = arrays.pop("weight").transpose(TORCH_AXES[dimensions])
    return Part(_KINDS[dimensions], {"kernel": kernel, **arrays}, name=name)
