"""Residual units with a mistake in them: if a student's unit computes the same, it is found."""

import contextlib
import types
from collections.abc import Iterator

import keras
from keras import ops

from tfresnet.layers import IdentityBlock, ProjectionBlock


def _branch(steps, last):
    """A branch of `steps` at each convolution, such as "conv bn relu", and of `last` at its last.

    Called so, batch normalisation learns from Keras whether the model is in training.
    """

    def branch(unit, x, training=None):
        *pairs, end = unit.branch_pairs()
        for (conv, bn), words in [*((pair, steps) for pair in pairs), (end, last)]:
            layers = {"conv": conv, "bn": bn, "relu": ops.relu}
            for word in words.split():
                x = layers[word](x)
        return x

    return branch


def _normalize_sum(unit, f, x):
    _, bn = unit.branch_pairs()[-1]
    return ops.relu(bn(f + x))


# What it means, in words -> the methods of a unit with this mistake; f is the branch's output.
MISTAKES = {
    "the ReLU stands before the addition: relu(F(x)) + x instead of relu(F(x) + x)": {
        "join": lambda unit, f, x: ops.relu(f) + x
    },
    "the ReLU after the addition is missing: F(x) + x instead of relu(F(x) + x)": {
        "join": lambda unit, f, x: f + x
    },
    "a ReLU too much stands before the addition: relu(relu(F(x)) + x)": {
        "join": lambda unit, f, x: ops.relu(ops.relu(f) + x)
    },
    "the shortcut is not added: relu(F(x)) instead of relu(F(x) + x)": {
        "join": lambda unit, f, x: ops.relu(f)
    },
    "the ReLU inside the branch, after batch normalisation, is missing": {
        "branch": _branch("conv bn", "conv bn")
    },
    "the ReLU inside the branch stands before batch normalisation and must stand after it": {
        "branch": _branch("conv relu bn", "conv bn")
    },
    "each ReLU stands before batch normalisation, also at the branch's end": {
        "branch": _branch("conv relu bn", "conv relu bn"),
        "join": lambda unit, f, x: f + x,
    },
    "the last batch normalisation stands after the addition and must stand before it": {
        "branch": _branch("conv bn relu", "conv"),
        "join": _normalize_sum,
    },
}


def variants(model: keras.Model) -> Iterator[str]:
    """Puts one mistake after the other into all units, and into those of one class, of a model.

    While one is there, yields its words.
    """
    units = [layer for layer in model._flatten_layers() if isinstance(layer, IdentityBlock)]
    projections = [layer for layer in model._flatten_layers() if isinstance(layer, ProjectionBlock)]
    places = {"": units + projections}
    if units and projections:
        places |= {"in the units of equal shape, ": units, "in the projections, ": projections}
    for where, chosen in places.items():
        for words, methods in MISTAKES.items():
            with _replaced(chosen, methods):
                yield where + words


@contextlib.contextmanager
def _replaced(units, methods):
    places = [(unit, name) for unit in units for name in methods]
    for unit, name in places:
        setattr(unit, name, types.MethodType(methods[name], unit))
    try:
        yield
    finally:
        for unit, name in places:
            delattr(unit, name)
