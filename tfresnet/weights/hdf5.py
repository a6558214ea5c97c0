"""Weights that Keras saved: `.weights.h5` of Keras 3, and the `.h5` of weights before it."""

import math
from pathlib import Path

import h5py
import numpy as np

from tfresnet.weights.size import check_size

# Keras 3 numbers the variables of a layer: how many there are says which they are.
_VARIABLES = {1: ("kernel",), 2: ("kernel", "bias")}
_VARIABLES |= {3: ("beta", "moving_mean", "moving_variance")}
_VARIABLES |= {4: ("gamma", *_VARIABLES[3])}
_MAX_NAME = 1000  # characters; one long name in a file can be the name of many layers


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by the path of the variable, such as `conv2_block1/conv1/kernel`.

    Raises:
        ValueError: no such weights, names that are not unique, or what `checked` refuses.
    """
    with h5py.File(path) as file:
        datasets = checked(file, path.stat().st_size)
        legacy = "layer_names" in file.attrs
        found = [*(map(_legacy, datasets) if legacy else _of_keras_3(file, ()))]
        if others := [name for name, data in found if data.dtype.kind not in "fiub"]:
            raise ValueError(f"{others[0]} must hold numbers")
        arrays = {name: data[()] for name, data in found}
    if len(arrays) != len(found) or not arrays:
        raise ValueError("it must hold arrays, and name each of them once")
    return arrays


def checked(file: h5py.File, size: int) -> list[h5py.Dataset]:
    """The data sets of an HDF5 file of `size` bytes, if it is a tree and they lie in it.

    Raises:
        ValueError: links, a group at two places, data in another file or in none, or more data
            than `check_size` allows.
    """
    found = [*_datasets(file, {file})]
    check_size(found, size)
    return found


def _datasets(group, seen):
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} must not be a link")
        member = group[name]
        if isinstance(member, h5py.Group):
            if member in seen:  # each level of such groups can double their number
                raise ValueError(f"the group {name} must be at one place")
            seen.add(member)
            yield from _datasets(member, seen)
        elif not _is_stored(member):
            raise ValueError(f"the data of {name} must lie in the file itself")
        else:
            yield member


def _is_stored(data):
    """Whether all numbers are in the file: those that never were written read as zeros."""
    if data.external or data.is_virtual:
        return False
    if data.chunks is None:
        return data.id.get_storage_size() >= data.nbytes
    whole = (-(-side // chunk) for side, chunk in zip(data.shape, data.chunks, strict=True))
    return data.id.get_num_chunks() == math.prod(whole)


def _legacy(data):
    """The group of a layer holds data sets with names such as `conv1/kernel:0`."""
    layer, *_, variable = data.name.removeprefix("/").split("/")
    return f"{layer}/{variable.partition(':')[0]}", data


def _of_keras_3(group, names):
    """A group is a layer, whose name stands at the group of its own variables, `vars`."""
    if "vars" in group:
        variables = group["vars"]
        if "name" in variables.attrs and not isinstance(group, h5py.File):  # which is the model
            names = (*names, str(variables.attrs["name"]))
        if sum(map(len, names)) > _MAX_NAME:
            raise ValueError(f"a name must have at most {_MAX_NAME} characters")
        for kind, key in zip(_VARIABLES.get(len(variables), ()), sorted(variables), strict=False):
            yield "/".join((*names, kind)), variables[key]
    for key in group:
        # The state of random layers is not of the weights.
        if key not in ("vars", "seed_generator") and isinstance(group[key], h5py.Group):
            yield from _of_keras_3(group[key], names)
