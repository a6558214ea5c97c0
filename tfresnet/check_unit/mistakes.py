"""Common mistakes in residual units, to find the one that explains a student's outputs."""

import contextlib
import itertools
import types
from collections.abc import Iterable, Iterator, Mapping

import keras
from keras import ops

from tfresnet.layers import ConvBN, IdentityBlock, InceptionModule, ProjectionBlock


def _branch(steps, last):
    """A branch method with `steps`, such as "conv bn relu", for each convolution and `last` for
    the last one. Keras tells the normalisation whether the model is in training."""

    def branch(unit, x, training=None):
        *pairs, end = unit.branch_pairs()
        for (conv, bn), names in [*((pair, steps) for pair in pairs), (end, last)]:
            layers = {"conv": conv, "bn": bn, "relu": ops.relu}
            for name in names.split():
                x = layers[name](x)
        return x

    return branch


def _normalize_sum(unit, f, x):
    _, bn = unit.branch_pairs()[-1]
    return ops.relu(bn(f + x))


# Description of a mistake -> the methods of a unit that makes it; f is the output of the branch.
MISTAKES = {
    "the ReLU comes before the addition: relu(F(x)) + x instead of relu(F(x) + x)": {
        "join": lambda unit, f, x: ops.relu(f) + x
    },
    "the ReLU after the addition is missing: F(x) + x instead of relu(F(x) + x)": {
        "join": lambda unit, f, x: f + x
    },
    "an extra ReLU comes before the addition: relu(relu(F(x)) + x)": {
        "join": lambda unit, f, x: ops.relu(ops.relu(f) + x)
    },
    "the shortcut is not added: relu(F(x)) instead of relu(F(x) + x)": {
        "join": lambda unit, f, x: ops.relu(f)
    },
    "a ReLU acts on the shortcut, which must pass on x, or its projection, as it is": {
        "shortcut": lambda unit, x, training=None: ops.relu(
            type(unit).shortcut(unit, x, training=training)
        )
    },
    "the ReLU inside the branch, after batch normalisation, is missing": {
        "branch": _branch("conv bn", "conv bn")
    },
    "the ReLU inside the branch comes before batch normalisation and must come after it": {
        "branch": _branch("conv relu bn", "conv bn")
    },
    "each ReLU comes before batch normalisation, also at the branch's end": {
        "branch": _branch("conv relu bn", "conv relu bn"),
        "join": lambda unit, f, x: f + x,
    },
    "the last batch normalisation comes after the addition and must come before it": {
        "branch": _branch("conv bn relu", "conv"),
        "join": _normalize_sum,
    },
}


def variants(model: keras.Model) -> Iterator[str]:
    """Puts each mistake into all units of a model, then into those of one class.

    Yields the description of each mistake while it is in place.
    """
    layers = [*model._flatten_layers()]
    yield from _module_variants(layers)
    units = [layer for layer in layers if isinstance(layer, IdentityBlock)]
    projections = [layer for layer in layers if isinstance(layer, ProjectionBlock)]
    places = {"": units + projections}
    if units and projections:
        places |= {"in the units of equal shape, ": units, "in the projections, ": projections}
    for where, chosen in places.items():
        for words, methods in MISTAKES.items():
            with override(chosen, methods, bind=True):
                yield where + words


def _module_variants(layers):
    """Mistakes in Inception modules and in mlpconv; nothing in other models."""
    if any(isinstance(layer, (IdentityBlock, ProjectionBlock)) for layer in layers):
        return
    convolutions = [layer for layer in layers if isinstance(layer, ConvBN)]
    pools = [layer for layer in layers if isinstance(layer, keras.layers.MaxPooling2D)]
    modules = [layer for layer in layers if isinstance(layer, InceptionModule)]
    linear = {"activation": keras.activations.linear}
    with override(convolutions, linear):
        yield "no ReLU follows the convolutions"
    with override(convolutions[-1:], linear):
        yield "the ReLU after the last convolution is missing"
    mean = {"call": lambda x: ops.average_pool(x, 3, 1, "same", "channels_last")}
    with override(pools, mean):
        yield "the pooling takes the mean of 3x3 pixels and must take their largest"
    for order in itertools.permutations(range(4)) if modules else ():
        names = modules[0]._names
        with override(modules, {"_names": [names[number] for number in order]}):
            branches = [[*modules[0].branches][number] for number in order]
            yield f"the outputs stand in another order: {', '.join(branches)}"


@contextlib.contextmanager
def override(
    layers: Iterable[keras.Layer], attributes: Mapping[str, object], bind: bool = False
) -> Iterator[None]:
    """Puts attributes into layers; with `bind` they are functions that become methods."""
    before = [
        {name: vars(layer)[name] for name in attributes if name in vars(layer)} for layer in layers
    ]
    for layer in layers:
        for name, value in attributes.items():
            vars(layer)[name] = types.MethodType(value, layer) if bind else value
    try:
        yield
    finally:
        for layer, values in zip(layers, before, strict=True):
            for name in attributes:
                del vars(layer)[name]
            vars(layer).update(values)
