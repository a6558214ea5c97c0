"""The layers with weights of a model in the order of their calls, and their alignment."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from tfresnet.layers.recorder import Call, record_calls, walk_calls

CONVOLUTION, NORM, DENSE = "convolution", "batch normalisation", "dense layer"
_KINDS = {keras.layers.Conv2D: CONVOLUTION, keras.layers.BatchNormalization: NORM}
_KINDS |= {keras.layers.Dense: DENSE}
# Layers with weights that only scale pixels: no part of a network that takes scaled ones.
SCALINGS = (keras.layers.Rescaling, keras.layers.Normalization)


@dataclass(frozen=True, eq=False)
class Part:
    """A layer with weights of its own, or a module of a state dict, which has a `name` instead.

    Unknown are None: `strides` of other layers and of a module, and `output`, the shape that the
    first call gives, without the batch, if the call failed.
    """

    kind: str
    weights: dict[str, keras.Variable | np.ndarray]
    strides: tuple[int, ...] | None = None
    output: tuple[int, ...] | None = None
    layer: keras.Layer | None = None
    name: str = ""

    @property
    def is_convolution(self) -> bool:
        return self.kind == CONVOLUTION

    @property
    def key(self) -> tuple:
        """Kind and shapes of the weights, without the biases of convolutions."""
        shapes = {name: tuple(v.shape) for name, v in self.weights.items()}
        if self.is_convolution:
            shapes.pop("bias", None)
        return self.kind, tuple(sorted(shapes.items()))

    @property
    def size(self) -> int:
        """Number of weights, without the biases of convolutions."""
        return sum(math.prod(shape) for _, shape in self.key[1])

    def __str__(self):
        shape = next(iter(self.weights.values())).shape
        words = f"{self.kind}, {' to '.join(map(str, shape))}"
        if self.is_convolution:
            words = f"convolution {shape[0]}x{shape[1]}, {shape[2]} to {shape[3]} channels"
        elif "gamma" in self.weights or len(shape) == 1:
            words = f"{self.kind} of {shape[0]} channels"
        return f"{self.name} ({words})" if self.name else words


def _part(layer, output):
    own = layer._trainable_variables + layer._non_trainable_variables
    weights = {v.name: v for v in own if "seed" not in v.name}
    kinds = (name for kind, name in _KINDS.items() if isinstance(layer, kind))
    kind = next(kinds, type(layer).__name__)
    strides = tuple(layer.strides) if kind == CONVOLUTION else None
    shape = None if output is None else tuple(keras.tree.flatten(output)[0].shape[1:])
    return Part(kind, weights, strides, shape, layer)


def list_parts(calls: Sequence[Call], model: keras.Model | None = None) -> list[Part]:
    """Each layer with weights once, in the order of its first call.

    `calls` are those that built `model`. A forward pass adds the calls inside layers that compute
    their own output shape: Keras does not call those while it builds.
    """
    forward = calls
    if model is not None:
        with record_calls() as forward:
            model(np.zeros((1, *model.input_shape[1:]), "float32"), training=False)
    inside = {id(call.layer): call.inside for call in walk_calls(forward)}
    outputs = {id(call.layer): call.output for call in reversed([*walk_calls(forward)])}
    layers = {id(call.layer): call.layer for call in _flatten(calls, inside)}
    wanted = layers if model is None else {id(layer) for layer in model._flatten_layers()}
    layers = [layer for key, layer in layers.items() if key in wanted]
    layers = [layer for layer in layers if not isinstance(layer, SCALINGS)]
    return [part for layer in layers if (part := _part(layer, outputs.get(id(layer)))).weights]


def _flatten(calls, inside):
    for call in calls:
        yield call
        yield from _flatten(call.inside or inside.get(id(call.layer), ()), inside)


def orders(parts: list[Part], theirs: Sequence[Part]) -> Iterator[list[Part]]:
    """Our parts in the order of their calls, with each shortcut before its branch, and with the
    convolutions of a module, which run side by side, in the order of `theirs`."""
    yield parts
    first, branch = [], []
    for part in parts:
        if part.layer.name in ("conv1", "conv"):  # start of a unit
            first, branch = first + branch, []
        (first if part.layer.name.startswith("shortcut_") else branch).append(part)
    if first + branch != parts:
        yield first + branch
    if all(part.layer.name in ("conv", "bn") for part in parts):
        keys = [part.key for part in theirs]
        pairs = [
            [part, *(bn for bn in parts[number + 1 : number + 2] if bn.layer.name == "bn")]
            for number, part in enumerate(parts)
            if part.layer.name == "conv"
        ]
        pairs.sort(key=lambda pair: keys.index(pair[0].key) if pair[0].key in keys else len(keys))
        yield [part for pair in pairs for part in pair]


def align(ours: Sequence[Part], theirs: Sequence[Part]) -> list[tuple[Part | None, Part | None]]:
    """The longest common subsequence as pairs of equal parts; None marks a missing partner."""
    a, b = [part.key for part in ours], [part.key for part in theirs]
    longest = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            skip = max(longest[i + 1][j], longest[i][j + 1])
            longest[i][j] = max(skip, longest[i + 1][j + 1] + (a[i] == b[j]))
    pairs, i, j = [], 0, 0
    while i < len(a) or j < len(b):
        is_pair = a[i : i + 1] == b[j : j + 1]
        takes_ours = j == len(b) or (i < len(a) and longest[i + 1][j] >= longest[i][j + 1])
        our, their = is_pair or takes_ours, is_pair or not takes_ours
        pairs.append((ours[i] if our else None, theirs[j] if their else None))
        i, j = i + our, j + their
    return pairs
