"""Compares a student's unit or network with ours and describes the differences."""

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from tfresnet.check_unit.mistakes import variants
from tfresnet.check_unit.parts import align, list_parts, orders
from tfresnet.check_unit.student import Student
from tfresnet.errors import InputError
from tfresnet.layers import Conv2D
from tfresnet.layers.recorder import record_calls
from tfresnet.layers.residual import residual_unit
from tfresnet.models import create_model

_SIDE = 9  # odd, so that Keras' own padding agrees with ours at stride 2
# Channels, filters and stride of the units in the paper's networks. The first case is the only one
# for a unit without strides.
_UNITS = {
    "basic": ((64, 64, 1), (64, 128, 2)),
    "bottleneck": ((256, 64, 1), (64, 64, 1), (256, 128, 2)),
}
_CLOSE = 1e-3  # relative to the norm; rounding gives 1e-6, the mildest mistake 1e-2
_CLOSE_GRADIENTS = 0.1  # one ReLU whose input rounds to the other side of 0 gives 1e-2
_NO_SHORTCUT = (
    "where the branch changes the shape, so must the shortcut: by a 1x1 convolution of the same "
    "stride, or by every second pixel and channels of zeros"
)
_ONLY_CHANNELS = (
    "where the branch changes the channels, so must the shortcut, with stride 1 too: ResNet-50's "
    "first unit takes 64 to 256 channels"
)
# Settings of batch normalisation that equal outputs do not prove: lowest, highest, meaning.
_NORM_SETTINGS = {
    "momentum": (0.5, 0.9999, "the share of the moving averages that a step keeps"),
    "epsilon": (1e-12, 0.01, "what is added to the variance"),
}


@dataclass
class Trial:
    """One comparison of a unit or network with the most similar of ours."""

    what: str
    reference: str = ""
    differences: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def __str__(self):
        lines = [f"{self.what}: {'differs' if self.differences else 'the same'}"]
        lines += [f"    compared with {self.reference}"] if self.reference else []
        lines += [f"  - {difference}" for difference in self.differences]
        return "\n".join(lines + [f"    accepted: {remark}" for remark in self.remarks])


@dataclass
class Comparison:
    """All trials of one definition in a student's file."""

    name: str
    trials: list[Trial]

    @property
    def same(self) -> bool:
        return not any(trial.differences for trial in self.trials)

    def __str__(self):
        return "\n".join(f"{self.name}, {trial}" for trial in self.trials)


def compare(student: Student, against: str | None = None) -> Comparison:
    """Compares a student's definition with ours.

    `against` is "basic" (default) or "bottleneck" for a unit, and the name of a network, by default
    "resnet18", for a network.

    Raises:
        InputError: an error of the file, or `against` does not fit the definition.
    """
    roles = student.roles.values()
    if "filters" in roles:
        kind = _kind(student, against, "basic")
        cases = _UNITS[kind] if "strides" in roles else _UNITS[kind][:1]
        return Comparison(student.name, [_unit_trial(student, kind, *case) for case in cases])
    with record_calls() as calls:
        model = student.model(input_shape=(32, 32, 3), num_classes=10)
    calls = student.calls + calls
    if len(model.output.shape) == 4:
        kind = _kind(student, against, "basic")
        return Comparison(student.name, [_fixed_unit_trial(model, calls, kind)])
    name = _kind(student, against, "resnet18")
    what = "x".join(map(str, model.input_shape[1:])) + f" to {model.output_shape[-1]} classes"
    return Comparison(student.name, [_trial(what, model, calls, _networks(name, model))])


def _kind(student, against, default):
    if against is None or (against in _UNITS) == (default in _UNITS):
        return against or default
    rule = "basic or bottleneck for a unit" if default in _UNITS else "a network's name"
    raise InputError(f"--against must be {rule}, as {student.name} is. Received: {against!r}")


def _unit_trial(student, kind, channels, filters, strides):
    x = keras.Input((_SIDE, _SIDE, channels))
    values = {"in_channels": channels, "filters": filters, "strides": strides}
    out = filters * (4 if kind == "bottleneck" else 1)
    what = f"{channels} to {out} channels, stride {strides}"
    with record_calls() as calls:
        try:
            model = student.model(**values, input=x, input_shape=x.shape[1:], num_classes=10)
        except InputError as error:
            if (channels, strides) == (out, 1):  # not an error of the shortcut
                raise
            references = _units(kind, x.shape[1:], filters, strides)
            pairs, reference, _ = _nearest(list_parts(calls), references)
            rule = _ONLY_CHANNELS if strides == 1 else _NO_SHORTCUT
            return Trial(what, reference, [str(error), *(_stride_differences(pairs) or [rule])])
    return _trial(what, model, calls, _units(kind, model.input_shape[1:], filters, strides))


def _fixed_unit_trial(model, calls, kind):
    """A unit with fixed channels; ours has the stride of the paper for these channels."""
    channels, out = model.input_shape[-1], model.output_shape[-1]
    filters = out // 4 if kind == "bottleneck" else out
    strides = 1 if channels in (out, filters) else 2
    what = f"{channels} to {out} channels, stride {strides}"
    return _trial(what, model, calls, _units(kind, model.input_shape[1:], filters, strides))


def _units(kind, shape, filters, strides) -> Iterator[tuple[str, Callable]]:
    options = {"strides": strides, "bottleneck": kind == "bottleneck"}
    places = (False, True) if options["bottleneck"] and strides > 1 else (False,)
    for option, in_3x3 in itertools.product("BAC", places):

        def make(option=option, in_3x3=in_3x3):
            x = keras.Input(shape)
            unit = residual_unit(option, shape[-1], filters, stride_in_3x3=in_3x3, **options)
            return keras.Model(x, unit(x))

        yield f"our {kind} unit, shortcut option {option}{', stride in the 3x3' * in_3x3}", make


def _networks(name, model) -> Iterator[tuple[str, Callable]]:
    given = {"input_shape": model.input_shape[1:], "num_classes": model.output_shape[-1]}
    residual = re.fullmatch(r"resnet\d+", name)
    options = [{"shortcut": option} for option in "BAC"] if residual else [{}]
    for stem, option in itertools.product(("cifar", "imagenet"), options):
        words = "".join(f", shortcut option {value}" for value in option.values())
        make = functools.partial(create_model, name, stem=stem, **given, **option)
        yield f"our {name}{words}, {stem} stem", make


def _nearest(parts, references):
    """The most similar reference: pairs of its parts and theirs, its name and its model."""
    best = refusal = None
    for words, make in references:
        try:
            with record_calls() as calls:
                ours = make()
        except InputError as error:  # the stem is too coarse for a small image
            refusal = error
            continue
        for order in orders(list_parts(calls, ours)):
            pairs = align(order, parts)
            cost = sum(None in pair or pair[0].strides != pair[1].strides for pair in pairs)
            if best is None or cost < best[0]:
                best = cost, pairs, words, ours
        if best[0] == 0:
            break
    if best is None:
        raise refusal
    return best[1:]


def _trial(what, model, calls, references):
    pairs, reference, ours = _nearest(list_parts(calls, model), references)
    trial = Trial(what, reference)
    trial.differences += _structure_differences(pairs, model, ours)
    if not trial.differences:
        for works, words in _norm_settings(pairs):
            (trial.remarks if works else trial.differences).append(words)
        trial.remarks += _adopt(pairs)
        _adopt_pool(model, ours)
        _copy_weights(pairs)
        trial.differences += _output_differences(model, ours, pairs, trial.remarks)
    return trial


def _structure_differences(pairs, theirs, ours):
    if theirs.output_shape != ours.output_shape:
        shapes = ("x".join(map(str, model.output_shape[1:])) for model in (theirs, ours))
        yield "the output has the shape {}, ours {}".format(*shapes)
    yield from _stride_differences(pairs)
    previous = "the input"
    for our, their in pairs:
        if their is None:
            yield f"missing after {previous}: {our}"
        elif our is None:
            yield f"unexpected after {previous}: {their}"
        previous = str(our or their)
    counts = [sum(pair[side].size for pair in pairs if pair[side]) for side in (1, 0)]
    if counts[0] != counts[1]:
        yield "without biases of convolutions it has {:,} parameters, ours {:,}".format(*counts)


def _stride_differences(pairs):
    return [
        f"stride of the {their}: {their.strides[0]}, ours {our.strides[0]}"
        for our, their in pairs
        if our and their and our.strides != their.strides
    ]


def _norm_settings(pairs):
    """Each setting of batch normalisation that is not ours: whether it works, and a remark."""
    kind = keras.layers.BatchNormalization
    norms = [(our.layer, their.layer) for our, their in pairs if isinstance(our.layer, kind)]
    for name, (low, high, meaning) in _NORM_SETTINGS.items():
        values = {(getattr(our, name), getattr(their, name)) for our, their in norms}
        for our, their in sorted(values):
            words = f"{name} of {their:g}, ours {our:g}"
            if not low <= their <= high:
                yield False, f"{words}: it must be from {low:g} to {high:g}, {meaning}"
            elif their != our:
                yield True, words


def _adopt(pairs):
    """Gives our layers the student's choices that are no mistakes; returns remarks on them."""
    remarks = []
    for our, their in pairs:
        if hasattr(our.layer, "epsilon"):
            our.layer.epsilon = their.layer.epsilon
        if their.is_convolution and "bias" in their.weights:
            remarks.append("biases of convolutions, which batch normalisation cancels")
        is_stock = their.is_convolution and not isinstance(their.layer, Conv2D)
        if is_stock and their.layer.padding == "same" and max(their.strides) > 1:
            stock = keras.layers.Conv2D.convolution_op
            our.layer.convolution_op = stock.__get__(our.layer)
            if max(their.layer.kernel_size) > 1:
                remarks.append("Keras' own padding at stride 2, ours is the same on all sides")
    return dict.fromkeys(remarks)


def _adopt_pool(theirs, ours):
    """Pads before the stem's max pooling as Keras does, if theirs does."""
    pool = next((layer for layer in theirs._flatten_layers() if hasattr(layer, "pool_size")), None)
    pad = next((layer for layer in ours.layers if layer.name == "pool1_pad"), None)
    if pool and pad and pool.padding == "same":
        pad.padding = tuple((side % 2, 1) for side in pad.input.shape[1:3])


def _copy_weights(pairs):
    """Assigns the same random values to both; biases that ours lacks become zero."""
    rng = np.random.default_rng(0)
    for our, their in pairs:
        for name, weight in their.weights.items():
            if name not in our.weights:
                value = np.zeros(weight.shape)
            elif len(weight.shape) > 1:
                value = rng.normal(0, (2 / np.prod(weight.shape[:-1])) ** 0.5, weight.shape)
            elif name in ("gamma", "moving_variance"):
                value = rng.uniform(0.5, 1.5, weight.shape)
            else:
                value = rng.normal(0, 0.3, weight.shape)
            weight.assign(value)
            if name in our.weights:
                our.weights[name].assign(value)


def _output_differences(theirs, ours, pairs, remarks):
    images = np.random.default_rng(1).normal(size=(4, *theirs.input_shape[1:])).astype("float32")
    if _is_softmax(theirs(images, training=False)):
        remarks.append("a softmax at the end, ours gives logits")
        _soften(pairs[-1], ours(images, training=False))
        ours = keras.Model(ours.input, keras.ops.softmax(ours.output))
    # Gradients come first: a call in training mode moves the averages of batch normalisation.
    gradients = list(_gradient_differences(theirs, ours, images, pairs))
    for training, mode in ((False, "inference"), (True, "training")):
        found = theirs(images, training=training)
        gap = _gap(found, ours(images, training=training))
        if gap > _CLOSE:
            yield f"with the same weights the outputs differ by {100 * gap:.2g} % in {mode}"
            yield _find_mistake(found, images, training, ours)
            return
    yield from gradients


def _soften(classifier, logits):
    """Makes the logits small: a softmax of large ones is 0 or 1 and hides mistakes."""
    for part in classifier:
        for weight in part.weights.values():
            weight.assign(weight / np.std(logits))


def _find_mistake(found, images, training, ours):
    for words in variants(ours):
        if _gap(found, ours(images, training=training)) < _CLOSE:
            return words
    return "none of the known mistakes: compare ReLUs, additions and their order with the paper"


def _gradient_differences(theirs, ours, images, pairs):
    """Compares the gradients of a weighted sum of the outputs, in inference: batches of four make
    those of training chaotic."""
    gradients = []
    for side, model in ((0, ours), (1, theirs)):
        weights = [next(iter(pair[side].layer.trainable_weights), None) for pair in pairs]
        x = tf.constant(images)
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = model(x, training=False)
            target = np.random.default_rng(2).normal(size=outputs.shape).astype("float32")
            loss = tf.reduce_sum(outputs * target)
        sources = [x, *(None if weight is None else weight.value for weight in weights)]
        gradients.append(tape.gradient(loss, sources))
    found = []
    for name, our, their in zip(["input", *(our for our, _ in pairs)], *gradients, strict=True):
        if our is not None and their is None:
            found.append(f"no gradient reaches the {name}")
        elif our is not None and _gap(their, our) > _CLOSE_GRADIENTS:
            found.append(f"the gradient of the {name} differs by {100 * _gap(their, our):.2g} %")
    yield from found[-3:]  # a cut near the output shows in all earlier layers


def _is_softmax(outputs):
    sums = np.sum(outputs, axis=-1)
    return outputs.shape.rank == 2 and np.all(outputs >= 0) and np.allclose(sums, 1, atol=1e-4)


def _gap(theirs, ours):
    """The distance relative to the norm of ours."""
    return float(tf.norm(theirs - ours) / tf.maximum(tf.norm(ours), 1e-30))
