"""Parameters, multiply-adds and depth of any Keras model: by layer, by stage, in total.

The convention is the paper's (He et al. 2015, Table 1, "FLOPs"): one multiply-add for one
multiplication with a weight of a convolution or a dense layer, for one picture at inference.
Batch normalisation, biases, activations, poolings and additions cost nothing. A product that no
such layer computes (the einsum layers of attention, recurrent cells) is not counted either.
"""

import collections
import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import keras
import tensorflow as tf

from tfresnet.errors import InputError

_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_PLAIN = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Dense)
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
        InputError: not a model, a model without weights yet, or an input shape that is missing
            or is not one of this model's.
    """
    if not isinstance(model, keras.Model):
        raise InputError(f"`model` must be a Keras model. Received: {type(model).__name__}")
    if not model.built:
        raise InputError(
            "`model` must be built before it can be counted: call `model.build((None, height, "
            f"width, channels))`. Received: the unbuilt model {model.name!r}"
        )
    forward = _Forward(model)
    forward.compute_output_spec(_pictures(model, input_shape))
    rows = list(_layer_counts(model, forward.calls))
    sums = _sums(rows)
    return Complexity(
        **sums,
        non_trainable_params=sums["params"] - sums["trainable_params"],
        depth=forward.depth,
        by_layer=tuple(rows),
        by_stage=_stage_counts(rows),
    )


def _pictures(model: keras.Model, input_shape: tuple[int, ...] | None):
    """Symbolic inputs of one picture, in the structure that the model's `call` expects."""

    def picture(tensor):
        shape = _checked_shape(tuple(tensor.shape[1:]), input_shape)
        return keras.KerasTensor((1, *shape), dtype=tensor.dtype)

    if isinstance(model, keras.Sequential):
        return picture(model.inputs[0])
    if getattr(model, "inputs", None):
        return keras.tree.map_structure(picture, model.input)
    shapes = list((model.get_build_config() or {}).values())
    if len(shapes) != 1 or any(isinstance(side, tuple | list | dict) for side in shapes[0]):
        raise InputError(
            "`model` must be functional, or subclassed with one input. "
            f"Received: {model.name!r}, built for {shapes}"
        )
    return picture(keras.KerasTensor(shapes[0], dtype=keras.config.floatx()))


def _checked_shape(own: tuple, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape of one picture: the model's own, with its open sides from `given`."""
    if given is None:
        if None in own:
            raise InputError(
                "`input_shape` is needed for a model that leaves sides of its input open, without "
                f"the batch: (height, width, channels). Received: None for {own}"
            )
        return own
    if not all(isinstance(side, int) and side > 0 for side in given):
        raise InputError(f"`input_shape` must be of integers above 0. Received: {given}")
    if len(own) != len(given) or any(o not in (None, g) for o, g in zip(own, given, strict=True)):
        raise InputError(f"`input_shape` must fit the model's own, {own}. Received: {given}")
    return tuple(given)


@dataclass(frozen=True)
class _Call:
    """One call of a layer, seen while the model was traced."""

    output: tf.Tensor
    multiply_adds: int


class _Forward(keras.Operation):
    """The model as an operation of its own.

    Keras infers the output of an operation by running its `call` in a scratch graph without
    state. It would not for the model itself: functional models, and layers that define
    `compute_output_shape`, answer without calling what is inside them.
    """

    def __init__(self, model: keras.Model):
        super().__init__()
        self.model = model
        self.calls: dict[int, list[_Call]] = collections.defaultdict(list)  # by the layer's id
        self.depth = 0

    def call(self, inputs):
        with _recorded(self.calls), _functions_run_eagerly():
            outputs = self.model(inputs, training=False)
        weighted = {c.output.op for calls in self.calls.values() for c in calls if c.multiply_adds}
        self.depth = _longest_path(outputs, weighted)
        return outputs


@contextlib.contextmanager
def _recorded(calls: dict[int, list[_Call]]) -> Iterator[None]:
    """Adds every call of every layer to `calls` while the context is open."""
    call_layer = keras.layers.Layer.__call__

    def recording(layer, *args, **kwargs):
        outputs = call_layer(layer, *args, **kwargs)
        taken, given = (keras.tree.flatten(values)[0] for values in ((args, kwargs), outputs))
        cost = _multiply_adds(layer, tuple(taken.shape), tuple(given.shape))
        calls[id(layer)].append(_Call(given, cost))
        return outputs

    keras.layers.Layer.__call__ = recording
    try:
        yield
    finally:
        keras.layers.Layer.__call__ = call_layer


@contextlib.contextmanager
def _functions_run_eagerly() -> Iterator[None]:
    """Call what a model wraps in `tf.function`; a function traced before would stay silent."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _multiply_adds(layer: keras.Layer, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
    """Multiply-adds of one call, from its input and output shapes (batch of 1 included)."""
    if isinstance(layer, _TRANSPOSED):  # each input value meets each weight of its channel
        return math.prod(inputs) * math.prod(layer.kernel.shape[:-1])
    if isinstance(layer, _SEPARABLE):
        weights = math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape)
        return math.prod(outputs) // layer.filters * weights
    if isinstance(layer, _DEPTHWISE):  # kernel (sides..., channels, multiplier)
        return math.prod(outputs) * math.prod(layer.kernel.shape[:-2])
    if isinstance(layer, _PLAIN):  # kernel (sides..., channels / groups, filters)
        return math.prod(outputs) * math.prod(layer.kernel.shape[:-1])
    return 0


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


def _layer_counts(model, calls: dict[int, list[_Call]]) -> Iterator[LayerCount]:
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
            output_shape=tuple(found[0].output.shape[1:]) if found else None,
            params=sum(math.prod(weight.shape) for weight in own),
            trainable_params=sum(math.prod(w.shape) for w in own if id(w) in trainable),
            multiply_adds=sum(call.multiply_adds for call in found),
        )


def _sums(rows: Iterable[LayerCount]) -> dict[str, int]:
    return {name: sum(getattr(row, name) for row in rows) for name in _SUMS}


def _stage_counts(rows: Iterable[LayerCount]) -> tuple[StageCount, ...]:
    """Rows of equal stage added up, in the order of the model; stages without weights left out."""
    groups: dict[str, list[LayerCount]] = {}
    for row in rows:
        stage = row.path.partition("/")[0].partition("_block")[0]
        groups.setdefault(stage, []).append(row)
    counts = [StageCount(stage, **_sums(group)) for stage, group in groups.items()]
    return tuple(stage for stage in counts if stage.params or stage.multiply_adds)
