"""Parameters, multiply-adds and depth of a Keras model: by layer, by stage, in total.

The convention is the paper's (He et al. 2015, Table 1, "FLOPs"): one multiply-add for each
multiplication by a weight of a convolution or dense layer, for one image at inference. Batch
normalisation, biases, activations, poolings and additions cost nothing. Transposed and depthwise
convolutions and attention are not counted.
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
from tfresnet.layers.recorder import Call, record_calls, walk_calls

_COUNTED = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Dense)
_SUMS = ("params", "trainable_params", "multiply_adds")


@dataclass(frozen=True)
class LayerCount:
    """One leaf layer, or the weights that a composite layer has outside its sublayers.

    `path` joins the names from the model down: `conv3_block1/conv1`. `output_shape`, without batch,
    is that of the first call, or None without calls. `multiply_adds` is the sum over all calls.
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
    """The result of `count`. Both breakdowns add up to the totals.

    `depth` counts like the paper (18 for ResNet-18): the weighted layers (convolutions, dense) on
    the longest path from input to output. A projection is on a shorter path than its unit's branch
    and does not count.
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
    """Makes models ten times faster: their weights have shapes but no values.

    Use these models only for `count` and only while the context is open. The context then clears
    Keras' session, which would otherwise create the values later.
    """
    policy = keras.config.dtype_policy()
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        keras.utils.clear_session()
        keras.config.set_dtype_policy(policy)


def count(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> Complexity:
    """Counts parameters, multiply-adds and depth of a built model without changing it.

    A layer that is called twice counts its multiply-adds twice and its parameters once. As in
    `model.count_params()`, the state of random generators is no parameter. `input_shape`, `(height,
    width, channels)`, is needed if the model leaves a side open (None).

    Raises:
        InputError: not a built functional or sequential model, or an input shape that is missing
            or does not fit the model.
    """
    if not getattr(model, "inputs", None):
        rule = "`model` must be a functional or sequential Keras model that is built"
        raise InputError(f"{rule}. Received: {model!r}")
    forward = _Forward(model)
    images = [_image(tensor, input_shape) for tensor in model.inputs]
    forward.compute_output_spec(keras.tree.pack_sequence_as(model.input, images))
    rows = list(_layer_counts(model, forward.calls))
    sums = _sums(rows)
    return Complexity(
        **sums,
        non_trainable_params=sums["params"] - sums["trainable_params"],
        depth=forward.depth,
        by_layer=tuple(rows),
        by_stage=_stage_counts(rows),
    )


def _image(tensor: keras.KerasTensor, given: tuple[int, ...] | None) -> keras.KerasTensor:
    """A symbolic input of one image: the model's own shape, with open sides from `given`."""
    own = tuple(tensor.shape[1:])
    shape = own if given is None else tuple(given)
    fits = len(own) == len(shape) and all(o in (None, g) for o, g in zip(own, shape, strict=True))
    if not fits or not all(isinstance(side, int) and side > 0 for side in shape):
        raise InputError(
            "`input_shape` must be the shape of one image, without the batch, and fit the model's "
            f"own, {own}. Received: {given}"
        )
    return keras.KerasTensor((1, *shape), dtype=tensor.dtype)


class _Forward(keras.Operation):
    """The model as an operation, so that Keras runs it in a scratch graph to infer its output.

    A model itself, or a layer with `compute_output_shape`, answers without calling its sublayers.
    """

    def __init__(self, model: keras.Model):
        super().__init__()
        self.model = model

    def call(self, inputs):
        with record_calls() as calls:
            outputs = self.model(inputs, training=False)
        self.calls = list(walk_calls(calls))
        weighted = {_output(call).op for call in self.calls if _multiply_adds(call)}
        self.depth = _longest_path(outputs, weighted)
        return outputs


def _output(call: Call) -> tf.Tensor:
    """The first output tensor of a call."""
    return keras.tree.flatten(call.output)[0]


def _multiply_adds(call: Call) -> int:
    if not isinstance(call.layer, _COUNTED):
        return 0
    # The shape of a kernel is (sides..., channels / groups, filters).
    return math.prod(_output(call).shape) * math.prod(call.layer.kernel.shape[:-1])


def _longest_path(outputs, weighted: set[tf.Operation]) -> int:
    """The number of weighted layers on the longest path to an output."""
    outputs = [tensor for tensor in keras.tree.flatten(outputs) if tf.is_tensor(tensor)]
    depth = {}
    for op in outputs[0].graph.get_operations():  # in topological order
        longest = max((depth.get(tensor.op, 0) for tensor in op.inputs), default=0)
        depth[op] = longest + (op in weighted)
    return max(depth[tensor.op] for tensor in outputs)


def _walk(layer, path: tuple[str, ...], seen: set[int]) -> Iterator[tuple]:
    """Yields (path, layer, sublayers) of every layer once, outer layers first."""
    if id(layer) in seen or isinstance(layer, keras.layers.InputLayer):
        return
    seen.add(id(layer))
    # Keras has no public list of a layer's sublayers.
    sublayers = layer._flatten_layers(include_self=False, recursive=False)
    yield path, layer, sublayers
    for sublayer in sublayers:
        yield from _walk(sublayer, (*path, sublayer.name), seen)


def _layer_counts(model, calls: Iterable[Call]) -> Iterator[LayerCount]:
    """One row for each layer that is a leaf or has weights of its own."""
    trainable = {id(weight) for weight in model.trainable_weights}
    calls_of = collections.defaultdict(list)
    for call in calls:
        calls_of[id(call.layer)].append(call)
    counted: set[int] = set()
    for path, layer, sublayers in _walk(model, path=(), seen=set()):
        below = {id(weight) for sublayer in sublayers for weight in sublayer.weights}
        own = [weight for weight in layer.weights if id(weight) not in below | counted]
        if sublayers and not own:
            continue
        counted.update(id(weight) for weight in own)
        found = calls_of[id(layer)]
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
    """The sums of each stage with weights, in the order of the model."""
    groups: dict[str, list[LayerCount]] = {}
    for row in rows:
        groups.setdefault(models.stage_of(row.path), []).append(row)
    counts = [StageCount(stage, **_sums(group)) for stage, group in groups.items()]
    return tuple(stage for stage in counts if stage.params or stage.multiply_adds)
