"""The layers with weights of a model, in the order of their calls, beside those of another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from tfresnet.layers.recorder import Call, every, recorded

_KINDS = {
    keras.layers.Conv2D: "convolution",
    keras.layers.BatchNormalization: "batch normalisation",
    keras.layers.Dense: "dense layer",
}


@dataclass(frozen=True)
class Part:
    """One layer with weights of its own. Two are the same if their `key` is."""

    layer: keras.Layer

    @property
    def weights(self) -> dict[str, keras.Variable]:
        own = self.layer._trainable_variables + self.layer._non_trainable_variables
        return {v.name: v for v in own if "seed" not in v.name}

    @property
    def key(self) -> tuple:
        """Kind and shapes; biases do not count, but for a dense layer."""
        shapes = {name: tuple(v.shape) for name, v in self.weights.items()}
        if self.is_convolution:
            shapes.pop("bias", None)
        return self.kind, tuple(sorted(shapes.items()))

    @property
    def kind(self) -> str:
        kinds = (words for kind, words in _KINDS.items() if isinstance(self.layer, kind))
        return next(kinds, type(self.layer).__name__)

    @property
    def is_convolution(self) -> bool:
        return isinstance(self.layer, keras.layers.Conv2D)

    @property
    def strides(self) -> tuple[int, ...] | None:
        return tuple(self.layer.strides) if self.is_convolution else None

    def __str__(self):
        shape = next(iter(self.weights.values())).shape
        if self.is_convolution:
            return f"convolution {shape[0]}x{shape[1]}, {shape[2]} to {shape[3]} channels"
        if "gamma" in self.weights or len(shape) == 1:
            return f"{self.kind} of {shape[0]} channels"
        return f"{self.kind}, {' to '.join(map(str, shape))}"


def parts_of(calls: Sequence[Call], model: keras.Model | None = None) -> list[Part]:
    """Each layer with weights once, in the order in which the code first called it.

    The calls are those that made `model`. A layer that knows its output shape is not called then:
    one forward pass shows what is inside.
    """
    inside = {}
    if model is not None:
        with recorded() as forward:
            model(np.zeros((1, *model.input_shape[1:]), "float32"), training=False)
        inside = {id(call.layer): call.inside for call in every(forward)}
    layers = {id(call.layer): call.layer for call in _all(calls, inside)}
    wanted = layers if model is None else {id(layer) for layer in model._flatten_layers()}
    parts = [Part(layer) for key, layer in layers.items() if key in wanted]
    return [part for part in parts if part.weights]


def _all(calls, inside):
    for call in calls:
        yield call
        yield from _all(call.inside or inside.get(id(call.layer), ()), inside)


def orders(parts: list[Part]) -> Iterator[list[Part]]:
    """Our parts as they are called, and with each unit's shortcut before its branch."""
    yield parts
    first, branch = [], []
    for part in parts:
        if part.layer.name in ("conv1", "conv"):  # a unit, or another layer, begins
            first, branch = first + branch, []
        if part.layer.name.startswith("shortcut_"):
            first.append(part)
        else:
            branch.append(part)
    if first + branch != parts:
        yield first + branch


def align(ours: Sequence[Part], theirs: Sequence[Part]) -> list[tuple[Part | None, Part | None]]:
    """Pairs of equal parts in both orders, as many as possible; None stands for what is missing."""
    a, b = [part.key for part in ours], [part.key for part in theirs]
    longest = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            skip = max(longest[i + 1][j], longest[i][j + 1])
            longest[i][j] = max(skip, longest[i + 1][j + 1] + (a[i] == b[j]))
    pairs, i, j = [], 0, 0
    while i < len(a) or j < len(b):
        if i < len(a) and j < len(b) and a[i] == b[j]:
            pairs.append((ours[i], theirs[j]))
            i, j = i + 1, j + 1
        elif j == len(b) or (i < len(a) and longest[i + 1][j] >= longest[i][j + 1]):
            pairs.append((ours[i], None))
            i += 1
        else:
            pairs.append((None, theirs[j]))
            j += 1
    return pairs
