"""Weights that Keras saved: `.weights.h5` of Keras 3, and the `.h5` of weights before it."""

from pathlib import Path

import h5py
import numpy as np

_MAX_EXPANSION = 4  # weights are noise, and shrink by a tenth at best
# Keras 3 numbers the variables of a layer: how many there are says which they are.
_VARIABLES = {1: ("kernel",), 2: ("kernel", "bias")}
_VARIABLES |= {3: ("beta", "moving_mean", "moving_variance")}
_VARIABLES |= {4: ("gamma", *_VARIABLES[3])}


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by the path of the variable, such as `conv2_block1/conv1/kernel`.

    Raises:
        ValueError: no such weights, names that are not unique, links out of the file, or arrays
            that would take more memory than the file is worth.
    """
    limit = 2**20 + _MAX_EXPANSION * path.stat().st_size
    with h5py.File(path) as file:
        found = [*(_legacy(file) if "layer_names" in file.attrs else _of_keras_3(file, ()))]
        if sum(data.nbytes for _, data in found) > limit:
            raise ValueError(f"its arrays would unpack to more than {limit} bytes")
        arrays = {name: data[()] for name, data in found}
    if len(arrays) != len(found) or not arrays:
        raise ValueError("it must hold arrays, and name each of them once")
    return arrays


def _legacy(file):
    for layer in _texts(file.attrs["layer_names"]):
        group = _member(file, layer)
        for name in _texts(group.attrs["weight_names"]):
            kind = name.rpartition("/")[2].partition(":")[0]
            yield f"{layer}/{kind}", _member(group, name)


def _of_keras_3(group, names):
    """A group is a layer, whose name stands at the group of its own variables, `vars`."""
    if "vars" in group:
        variables = _member(group, "vars")
        if "name" in variables.attrs and group.name != "/":  # which is the model
            names = (*names, *_texts([variables.attrs["name"]]))
        for kind, key in zip(_VARIABLES.get(len(variables), ()), sorted(variables), strict=False):
            yield "/".join((*names, kind)), _member(variables, key)
    for key in group:
        # The state of random layers is not of the weights.
        if key not in ("vars", "seed_generator") and isinstance(_member(group, key), h5py.Group):
            yield from _of_keras_3(group[key], names)


def _member(group, name):
    """What `name` is in `group`, if it lies in this file."""
    place = group
    for part in name.split("/"):
        if not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"it has no {name}, or one that is a link")
        place = place[part]
    if isinstance(place, h5py.Dataset) and (place.external or place.is_virtual):
        raise ValueError(f"{name} must lie in the file itself")
    return place


def _texts(values):
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
