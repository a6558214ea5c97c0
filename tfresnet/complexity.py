"""Parameters, multiply-adds and depth of a Keras model: by layer, by stage, in total.

The convention is the paper's (He et al. 2015, Table 1, "FLOPs"): one multiply-add for one
multiplication with a weight of a convolution or a dense layer, for one picture at inference.
Batch normalisation, biases, activations, poolings and additions cost nothing. A product that no
such layer computes (transposed and depthwise convolutions, attention) is not counted either.
"""

import collections
import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import keras
import tensorflow as tf

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.layers.recorder import Call, every, recorded

_COUNTED = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Dense)
_SUMS = ("params", "trainable_params", "multiply_adds")


@dataclass(frozen=True)
class LayerCount:
    """One layer: a leaf, or a composite layer's own weights, those outside its sublayers.

    `path` joins the names from the model down, `conv3_block1/conv1`. `output_shape` leaves out
    the batch; it is None for a layer that inference does not call, and the first call's for a
    layer that is called several times (`multiply_adds` is the sum of all calls).
    """

    path: str
    kind: str
    output_shape: tuple[int, ...] | None
    params: int
    trainable_params: int
    multiply_adds: int


@dataclass(frozen=True)
class StageCount:
    """One stage: all units named `NAME_block...`, or another top-level layer with weights."""

    name: str
    params: int
    trainable_params: int
    multiply_adds: int


@dataclass(frozen=True)
class Complexity:
    """What `count` found. Both breakdowns add up to the totals.

    `depth` is the number of weighted layers (convolutions, dense) on the longest path from the
    input to the output, which is how the paper counts: 18 for ResNet-18. A projection lies on the
    shorter path beside its unit's branch, so it does not count.
    """

    params: int
    trainable_params: int
    non_trainable_params: int
    multiply_adds: int
    depth: int
    by_layer: tuple[LayerCount, ...]
    by_stage: tuple[StageCount, ...]


@contextlib.contextmanager
def structure_only() -> Iterator[None]:
    """Models made inside have weights with shapes and without values: ten times faster to make.

    They are good for `count` while the context is open, and for nothing else. Keras' session is
    cleared at the end, or it would fill in the values later.
    """
    policy = keras.config.dtype_policy()
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        keras.utils.clear_session()
        keras.config.set_dtype_policy(policy)


def count(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> Complexity:
    """Count parameters, multiply-adds and depth of a built model, which stays as it was.

    `input_shape` is one picture's, `(height, width, channels)` without the batch. It is needed
    where the model leaves a side open (None). A layer that is called twice counts its
    multiply-adds twice and its parameters once. The state of random generators is no parameter,
    as in `model.count_params()`.

    Raises:
        InputError: not a functional or sequential model that is built, or an input shape that is
            missing or is not one of this model's.
    """
    if not getattr(model, "inputs", None):
        raise InputError(
            "`model` must be a functional or sequential Keras model that is built. "
            f"Received: {model!r}"
        )
    forward = _Forward(model)
    pictures = (_picture(tensor, input_shape) for tensor in model.inputs)
    forward.compute_output_spec(keras.tree.pack_sequence_as(model.input, list(pictures)))
    rows = list(_layer_counts(model, forward.calls))
    sums = _sums(rows)
    return Complexity(
        **sums,
        non_trainable_params=sums["params"] - sums["trainable_params"],
        depth=forward.depth,
        by_layer=tuple(rows),
        by_stage=_stage_counts(rows),
    )


def _picture(tensor: keras.KerasTensor, given: tuple[int, ...] | None) -> keras.KerasTensor:
    """A symbolic input of one picture: the model's own shape, its open sides as `given`."""
    own = tuple(tensor.shape[1:])
    shape = own if given is None else tuple(given)
    fits = len(own) == len(shape) and all(o in (None, g) for o, g in zip(own, shape, strict=True))
    if not fits or not all(isinstance(side, int) and side > 0 for side in shape):
        raise InputError(
            "`input_shape` must be the sides of one picture, without the batch, and fit the "
            f"model's own, {own}. Received: {given}"
        )
    return keras.KerasTensor((1, *shape), dtype=tensor.dtype)


class _Forward(keras.Operation):
    """The model as an operation of its own.

    Keras infers the output of an operation by running its `call` in a scratch graph without
    state. It would not for the model itself: models, and layers that define
    `compute_output_shape`, answer without calling what is inside them.
    """

    def __init__(self, model: keras.Model):
        super().__init__()
        self.model = model
        self.calls: dict[int, list[Call]] = collections.defaultdict(list)  # by the layer's id
        self.depth = 0

    def call(self, inputs):
        with recorded() as calls:
            outputs = self.model(inputs, training=False)
        for call in every(calls):
            self.calls[id(call.layer)].append(call)
        weighted = {_output(call).op for call in every(calls) if _multiply_adds(call)}
        self.depth = _longest_path(outputs, weighted)
        return outputs


def _output(call: Call) -> tf.Tensor:
    """What a call gives; of several tensors, the first."""
    return keras.tree.flatten(call.output)[0]


def _multiply_adds(call: Call) -> int:
    if not isinstance(call.layer, _COUNTED):
        return 0
    # A kernel has the shape (sides..., channels / groups, filters).
    return math.prod(_output(call).shape) * math.prod(call.layer.kernel.shape[:-1])


def _longest_path(outputs, weighted: set[tf.Operation]) -> int:
    """The number of weighted layers on the longest path that ends in one of the outputs."""
    outputs = [tensor for tensor in keras.tree.flatten(outputs) if tf.is_tensor(tensor)]
    depth = {}
    for op in outputs[0].graph.get_operations():  # an operation comes after those that it reads
        longest = max((depth.get(tensor.op, 0) for tensor in op.inputs), default=0)
        depth[op] = longest + (op in weighted)
    return max(depth[tensor.op] for tensor in outputs)


def _walk(
    layer: keras.Layer, path: tuple[str, ...] = (), seen: set[int] | None = None
) -> Iterator[tuple[tuple[str, ...], keras.Layer, list[keras.Layer]]]:
    """Yield (path, layer, sublayers) of every layer once, the model itself first."""
    seen = set() if seen is None else seen
    if id(layer) in seen or isinstance(layer, keras.layers.InputLayer):
        return
    seen.add(id(layer))
    # Keras has no public list of the sublayers of a layer, only of those of a model.
    sublayers = layer._flatten_layers(include_self=False, recursive=False)
    yield path, layer, sublayers
    for sublayer in sublayers:
        yield from _walk(sublayer, (*path, sublayer.name), seen)


def _layer_counts(model, calls: dict[int, list[Call]]) -> Iterator[LayerCount]:
    """One row a layer that is a leaf or has weights of its own."""
    trainable = {id(weight) for weight in model.trainable_weights}
    counted: set[int] = set()
    for path, layer, sublayers in _walk(model):
        below = {id(weight) for sublayer in sublayers for weight in sublayer.weights}
        own = [weight for weight in layer.weights if id(weight) not in below | counted]
        if sublayers and not own:
            continue
        counted.update(id(weight) for weight in own)
        found = calls.get(id(layer), [])
        yield LayerCount(
            path="/".join(path) or model.name,
            kind=type(layer).__name__,
            output_shape=tuple(_output(found[0]).shape[1:]) if found else None,
            params=sum(math.prod(weight.shape) for weight in own),
            trainable_params=sum(math.prod(w.shape) for w in own if id(w) in trainable),
            multiply_adds=sum(map(_multiply_adds, found)),
        )


def _sums(rows: Iterable[LayerCount]) -> dict[str, int]:
    return {name: sum(getattr(row, name) for row in rows) for name in _SUMS}


def _stage_counts(rows: Iterable[LayerCount]) -> tuple[StageCount, ...]:
    """Rows of equal stage added up, in the order of the model; stages without weights left out."""
    groups: dict[str, list[LayerCount]] = {}
    for row in rows:
        groups.setdefault(models.stage_of(row.path), []).append(row)
    counts = [StageCount(stage, **_sums(group)) for stage, group in groups.items()]
    return tuple(stage for stage in counts if stage.params or stage.multiply_adds)
