"""Parameters, multiply-adds and depth of any Keras model: by layer, by stage, in total.

The convention is the paper's (He et al. 2015, Table 1, "FLOPs"): one multiply-add for one
multiplication with a weight of a convolution or a dense layer, for one picture at inference.
Batch normalisation, biases, activations, poolings and additions cost nothing. A product that no
such layer computes (the einsum layers of attention, recurrent cells) is not counted either.
"""

import collections
import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import tensorflow as tf

from tfresnet.errors import InputError

_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_CONVOLUTION = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
_WEIGHTED = (*_TRANSPOSED, *_SEPARABLE, *_DEPTHWISE, *_CONVOLUTION, keras.layers.Dense)


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


@dataclass(frozen=True)
class _Call:
    """One call of a leaf layer, seen while the model was traced."""

    output_shape: tuple[int, ...]
    multiply_adds: int
    output: tf.Tensor


class _Forward(keras.Operation):
    """The model as an operation of its own.

    Keras infers the output of an operation by running its `call` in a scratch graph without
    state. It would not for the model itself: functional models, and layers that define
    `compute_output_shape`, answer without calling what is inside them.
    """

    def __init__(self, model: keras.Model):
        super().__init__()
        self.model = model
        self.calls: dict[int, list[_Call]] = collections.defaultdict(list)
        self.depth = 0

    def call(self, inputs):
        outputs = self.model(inputs, training=False)
        self.depth = _longest_path(outputs, [call for one in self.calls.values() for call in one])
        return outputs


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
    layers = list(_walk(model))
    calls, depth = _trace(model, _input_tensors(model, input_shape), layers)
    rows, stages = _layer_counts(model, layers, calls)
    params = sum(row.params for row in rows)
    trainable = sum(row.trainable_params for row in rows)
    return Complexity(
        params=params,
        trainable_params=trainable,
        non_trainable_params=params - trainable,
        multiply_adds=sum(row.multiply_adds for row in rows),
        depth=depth,
        by_layer=tuple(rows),
        by_stage=_stage_counts(rows, stages),
    )


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


def _input_tensors(model: keras.Model, input_shape: tuple[int, ...] | None):
    """Symbolic inputs of one picture, in the structure that the model's `call` expects."""
    inputs = getattr(model, "inputs", None)
    if inputs:
        shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
        dtypes = [tensor.dtype for tensor in inputs]
        single = isinstance(model, keras.Sequential)
        structure = inputs[0] if single else model.input
    else:
        shapes, dtypes, structure = [_built_shape(model)], [keras.config.floatx()], None
    if input_shape is not None:
        shapes = _checked_shape(shapes, input_shape)
    if any(side is None for shape in shapes for side in shape):
        raise InputError(
            "`input_shape` is needed for a model that leaves sides of its input open, without "
            f"the batch: (height, width, channels). Received: None for {_text(shapes)}"
        )
    pictures = zip(shapes, dtypes, strict=True)
    tensors = [keras.KerasTensor((1, *shape), dtype=dtype) for shape, dtype in pictures]
    return keras.tree.pack_sequence_as(structure, tensors)


def _built_shape(model: keras.Model) -> tuple[int | None, ...]:
    """The shape, without the batch, that a subclassed model of one input was built with."""
    shapes = list((model.get_build_config() or {}).values())
    if len(shapes) == 1 and all(not isinstance(side, (tuple, list, dict)) for side in shapes[0]):
        return tuple(shapes[0][1:])
    raise InputError(
        "`model` must be functional, or subclassed with one input. "
        f"Received: {model.name!r}, built for {shapes}"
    )


def _checked_shape(shapes: list[tuple], input_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """`input_shape` as the only input's shape, if the model can take it."""
    given = tuple(input_shape)
    if not all(isinstance(side, int) and side > 0 for side in given):
        raise InputError(f"`input_shape` must be of integers above 0. Received: {input_shape}")
    fits = len(shapes) == 1 and len(shapes[0]) == len(given)
    if not fits or any(own not in (None, side) for own, side in zip(shapes[0], given, strict=True)):
        raise InputError(
            f"`input_shape` must fit the model's own, {_text(shapes)}. Received: {input_shape}"
        )
    return [given]


def _text(shapes: list[tuple]) -> str:
    return ", ".join(str(shape) for shape in shapes)


def _trace(model, inputs, layers) -> tuple[dict[int, list[_Call]], int]:
    """Run the model once on symbols: the calls of each leaf layer, by the layer's id; the depth."""
    forward = _Forward(model)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_functions_run_eagerly())
        for _, layer, sublayers in layers:
            # A convolution is no leaf if its activation is a layer.
            if not sublayers or isinstance(layer, _WEIGHTED):
                stack.enter_context(_recorded(layer, forward.calls[id(layer)]))
        forward.compute_output_spec(inputs)
    return forward.calls, forward.depth


@contextlib.contextmanager
def _functions_run_eagerly():
    """Call what a model wraps in `tf.function`; a function traced before would stay silent."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextlib.contextmanager
def _recorded(layer: keras.Layer, calls: list[_Call]):
    """Add every call of the layer to `calls` while the context is open."""
    attributes = vars(layer)
    before = attributes.get("call")
    call = layer.call

    def recording_call(*args, **kwargs):
        outputs = call(*args, **kwargs)
        inputs = keras.tree.flatten((args, kwargs))[0]
        output = keras.tree.flatten(outputs)[0]
        cost = _multiply_adds(layer, tuple(inputs.shape), tuple(output.shape))
        calls.append(_Call(tuple(output.shape[1:]), cost, output))
        return outputs

    # Past Keras' `__setattr__`, which would look for state to track.
    attributes["call"] = recording_call
    try:
        yield
    finally:
        del attributes["call"]
        if before is not None:
            attributes["call"] = before


def _multiply_adds(layer: keras.Layer, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
    """Multiply-adds of one call, from its input and output shapes (batch of 1 included)."""
    if isinstance(layer, _TRANSPOSED):  # each input value meets each weight of its channel
        return math.prod(inputs) * math.prod(layer.kernel.shape[:-1])
    if isinstance(layer, _SEPARABLE):
        weights = math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape)
        return math.prod(outputs) // layer.filters * weights
    if isinstance(layer, _DEPTHWISE):  # kernel (sides..., channels, multiplier)
        return math.prod(outputs) * math.prod(layer.kernel.shape[:-2])
    if isinstance(layer, _CONVOLUTION):  # kernel (sides..., channels / groups, filters)
        return math.prod(outputs) * math.prod(layer.kernel.shape[:-1])
    if isinstance(layer, keras.layers.Dense):
        return math.prod(outputs) * layer.kernel.shape[0]
    return 0


def _longest_path(outputs, calls: list[_Call]) -> int:
    """The number of weighted layers on the longest path that ends in one of the outputs."""
    weighted = {call.output.op for call in calls if call.multiply_adds}
    outputs = [tensor for tensor in keras.tree.flatten(outputs) if tf.is_tensor(tensor)]
    graph = outputs[0].graph
    if any(op.graph is not graph for op in weighted):  # inside a loop's body: the sum is all
        return sum(1 for call in calls if call.multiply_adds)
    depth = {}
    for op in graph.get_operations():  # an operation comes after those that it reads
        longest = max((depth.get(tensor.op, 0) for tensor in op.inputs), default=0)
        depth[op] = longest + (op in weighted)
    return max(depth[tensor.op] for tensor in outputs)


def _layer_counts(model, layers, calls) -> tuple[list[LayerCount], list[str]]:
    """One row a layer that is a leaf or has weights of its own, and the stage of each row."""
    trainable = {id(weight) for weight in model.trainable_weights}
    counted: set[int] = set()
    rows, stages = [], []
    for path, layer, sublayers in layers:
        below = {id(weight) for sublayer in sublayers for weight in sublayer.weights}
        own = [weight for weight in layer.weights if id(weight) not in below | counted]
        if sublayers and not own:
            continue
        counted.update(id(weight) for weight in own)
        found = calls.get(id(layer), [])
        rows.append(
            LayerCount(
                path="/".join(path) or model.name,
                kind=type(layer).__name__,
                output_shape=found[0].output_shape if found else None,
                params=sum(math.prod(weight.shape) for weight in own),
                trainable_params=sum(math.prod(w.shape) for w in own if id(w) in trainable),
                multiply_adds=sum(call.multiply_adds for call in found),
            )
        )
        stages.append((path[0] if path else model.name).partition("_block")[0])
    return rows, stages


def _stage_counts(rows: list[LayerCount], stages: list[str]) -> tuple[StageCount, ...]:
    """Rows of equal stage added up, in the order of the model; stages without weights left out."""
    groups: dict[str, list[LayerCount]] = {}
    for row, stage in zip(rows, stages, strict=True):
        groups.setdefault(stage, []).append(row)
    counts = [
        StageCount(
            name=stage,
            params=sum(row.params for row in group),
            trainable_params=sum(row.trainable_params for row in group),
            multiply_adds=sum(row.multiply_adds for row in group),
        )
        for stage, group in groups.items()
    ]
    return tuple(stage for stage in counts if stage.params or stage.multiply_adds)
