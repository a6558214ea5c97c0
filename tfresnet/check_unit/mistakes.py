"""Residual units with a mistake in them: if a student's unit computes the same, it is found."""

import contextlib
import types
from collections.abc import Iterator

import keras
from keras import ops

from tfresnet.layers import IdentityBlock, ProjectionBlock


def _chain(unit, x, step, last):
    pairs = unit.branch_pairs()
    for conv, bn in pairs[:-1]:
        x = step(conv, bn, x)
    return last(*pairs[-1], x)


def _conv_bn_relu(conv, bn, x):
    return ops.relu(bn(conv(x)))


def _conv_relu_bn(conv, bn, x):
    return bn(ops.relu(conv(x)))


def _conv_bn(conv, bn, x):
    return bn(conv(x))


def _branch(unit, x):
    return _chain(unit, x, _conv_bn_relu, _conv_bn)


def _shortcut(unit, x):
    # Called so, batch normalisation learns from Keras whether the model is in training.
    if isinstance(unit, ProjectionBlock):
        return unit.shortcut_bn(unit.shortcut_conv(x))
    return unit.shortcut(x)


def _norm_of_sum(unit, x):
    def last(conv, bn, branch):
        return bn(conv(branch) + _shortcut(unit, x))

    return ops.relu(_chain(unit, x, _conv_bn_relu, last))


# What it means, in words -> the unit's output.
MISTAKES = {
    "the ReLU stands before the addition: relu(F(x)) + x instead of relu(F(x) + x)": (
        lambda unit, x: ops.relu(_branch(unit, x)) + _shortcut(unit, x)
    ),
    "the ReLU after the addition is missing: F(x) + x instead of relu(F(x) + x)": (
        lambda unit, x: _branch(unit, x) + _shortcut(unit, x)
    ),
    "a ReLU too much stands before the addition: relu(relu(F(x)) + x)": (
        lambda unit, x: ops.relu(ops.relu(_branch(unit, x)) + _shortcut(unit, x))
    ),
    "the shortcut is not added: relu(F(x)) instead of relu(F(x) + x)": (
        lambda unit, x: ops.relu(_branch(unit, x))
    ),
    "the ReLU inside the branch, after batch normalisation, is missing": (
        lambda unit, x: ops.relu(_chain(unit, x, _conv_bn, _conv_bn) + _shortcut(unit, x))
    ),
    "the ReLU inside the branch stands before batch normalisation and must stand after it": (
        lambda unit, x: ops.relu(_chain(unit, x, _conv_relu_bn, _conv_bn) + _shortcut(unit, x))
    ),
    "each ReLU stands before batch normalisation, also at the branch's end": (
        lambda unit, x: _chain(unit, x, _conv_relu_bn, _conv_relu_bn) + _shortcut(unit, x)
    ),
    "the last batch normalisation stands after the addition and must stand before it": _norm_of_sum,
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
        for words, output in MISTAKES.items():
            with _computing(chosen, output):
                yield where + words


@contextlib.contextmanager
def _computing(units, output):
    def call(unit, inputs, training=None):
        return output(unit, inputs)

    for unit in units:
        unit.call = types.MethodType(call, unit)
    try:
        yield
    finally:
        for unit in units:
            del unit.call
