"""Compares the modules of a PyTorch state dict, by name and shape, with one of our networks."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfresnet.check_unit.comparison import Comparison, Trial, missing_parts
from tfresnet.check_unit.parts import NORM, Part
from tfresnet.check_unit.references import nearest, networks
from tfresnet.errors import InputError
from tfresnet.weights import read_file

_NORM_NAMES = {"weight": "gamma", "bias": "beta"}
_NORM_NAMES |= {"running_mean": "moving_mean", "running_var": "moving_variance"}
_KINDS = {4: ("convolution", (2, 3, 1, 0)), 2: ("dense layer", (1, 0))}  # kind, axes for Keras


@dataclass(frozen=True)
class Module(Part):
    """A module of a state dict, known by its arrays. It does not know its strides."""

    name: str = ""
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def weights(self):
        if self.kind == NORM:
            return {_NORM_NAMES[name]: array for name, array in self.arrays.items()}
        arrays = dict(self.arrays)
        kernel = arrays.pop("weight")
        return {"kernel": kernel.transpose(_KINDS[kernel.ndim][1]), **arrays}

    @property
    def kind(self):
        return NORM if "running_mean" in self.arrays else _KINDS[self.arrays["weight"].ndim][0]

    @property
    def is_convolution(self):
        return self.kind == "convolution"

    @property
    def strides(self):
        return None

    def __str__(self):
        return f"{self.name} ({super().__str__()})"


def compare(path: Path, against: str | None = None) -> Comparison:
    """Compares a state dict with the network `against`, by default resnet18.

    Raises:
        InputError: the file cannot be read, or a module is of a kind that no network here has.
    """
    parts = list(_modules(path))
    classes = parts[-1].weights["kernel"].shape[-1] if parts[-1].kind == "dense layer" else 10
    ours = networks(against or "resnet18", (32, 32, 3), classes)
    pairs, reference, _ = nearest(parts, ours)
    trial = Trial(f"{len(parts)} modules, names and shapes", reference, [*missing_parts(pairs)])
    trial.remarks.append("strides, ReLUs and the order of the calls, which no state dict holds")
    return Comparison(path.name, [trial])


def _modules(path):
    modules: dict[str, dict] = {}
    for name, array in read_file(path).items():
        module, _, kind = name.rpartition(".")
        if kind != "num_batches_tracked":
            modules.setdefault(module, {})[kind] = array
    for name, arrays in modules.items():
        is_norm = arrays.keys() == _NORM_NAMES.keys()
        is_other = arrays.keys() <= {"weight", "bias"} and np.ndim(arrays.get("weight")) in _KINDS
        if not (is_norm or is_other):
            rule = "a state dict must hold convolutions, batch normalisations and dense layers"
            raise InputError(f"{rule}. Received: {name or path.name} with {', '.join(arrays)}")
        yield Module(None, name=name, arrays=arrays)
