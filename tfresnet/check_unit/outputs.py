"""Compares what a student's model and ours compute with the same weights."""

import functools

import keras
import numpy as np
import tensorflow as tf

from tfresnet.check_unit.mistakes import variants
from tfresnet.check_unit.parts import SCALINGS
from tfresnet.layers import Conv2D

_CLOSE = 1e-3  # relative to the norm; rounding gives 1e-6, the mildest mistake 1e-2
_CLOSE_GRADIENTS = 0.1  # one ReLU whose input rounds to the other side of 0 gives 1e-2
# How networks turn pixels into numbers around 0 in code that is no layer.
_USUAL_SCALINGS = (lambda pixels: pixels / 255, lambda pixels: pixels / 127.5 - 1)


def adopt(pairs, theirs: keras.Model, ours: keras.Model) -> list[str]:
    """Gives our layers the student's choices that are no mistakes; returns remarks on them."""
    _adopt_pool(theirs, ours)
    return [*_adopt_layers(pairs), *_switch_off_dropout(theirs)]


def _adopt_layers(pairs):
    remarks = []
    for our, their in pairs:
        if hasattr(our.layer, "epsilon"):
            our.layer.epsilon = their.layer.epsilon
        if their.is_convolution and "bias" in their.weights and "bias" not in our.weights:
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


def _switch_off_dropout(model):
    """Dropout is random, so that the outputs of two models in training cannot be compared."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Dropout) and layer.rate:
            yield f"dropout of {layer.rate:g}, which the comparison leaves out"
            layer.rate = 0


def copy_weights(pairs) -> None:
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


def output_differences(theirs: keras.Model, ours: keras.Model, pairs, remarks: list[str]):
    """Yields what differs with equal weights. Without each normalisation of ours, which is then
    the identity, only the outputs of inference are compared."""
    images = np.random.default_rng(1).normal(size=(4, *theirs.input_shape[1:])).astype("float32")
    if _is_softmax(theirs(images, training=False)):
        remarks.append("a softmax at the end, ours gives logits")
        _soften(pairs[-1], ours(images, training=False))
        ours = keras.Model(ours.input, keras.ops.softmax(ours.output))
    if scale := _find_scaling(theirs, ours, images):
        remarks.append("pixels scaled inside the network, ours takes scaled ones")
        images *= 255

    def run_ours(x, training):
        return ours(scale(x) if scale else x, training=training)

    whole = all(None not in pair for pair in pairs)
    # Gradients come first: a call in training mode moves the averages of batch normalisation.
    gradients = list(_gradient_differences(theirs, run_ours, images, pairs)) if whole else []
    for training in (False, True) if whole else (False,):
        found = theirs(images, training=training)
        gap = _gap(found, run_ours(images, training))
        if gap > _CLOSE:
            if whole:
                mode = "training" if training else "inference"
                yield f"with the same weights the outputs differ by {100 * gap:.2g} % in {mode}"
            yield _find_mistake(found, lambda x=images, t=training: run_ours(x, t), ours)
            return
    yield from gradients


def _find_scaling(theirs, ours, images):
    """The student's own scaling of pixels as a function, or None."""
    layers = [layer for layer in theirs._flatten_layers() if isinstance(layer, SCALINGS)]
    if layers:
        return lambda pixels: functools.reduce(lambda x, layer: layer(x), layers, pixels)
    if len(theirs.output_shape) == 4:  # a unit takes maps
        return None
    found = theirs(images, training=False)
    if _gap(found, ours(images, training=False)) < _CLOSE:
        return None
    scalings = (one for one in _USUAL_SCALINGS if _gap(found, ours(one(images))) < _CLOSE)
    return next(scalings, None)


def _soften(classifier, logits):
    """Makes the logits small: a softmax of large ones is 0 or 1 and hides mistakes."""
    for part in classifier:
        for weight in part.weights.values():
            weight.assign(weight / np.std(logits))


def _find_mistake(found, run_ours, ours):
    for words in variants(ours):
        if _gap(found, run_ours()) < _CLOSE:
            return words
    return "none of the known mistakes: compare ReLUs, additions and their order with the paper"


def _gradient_differences(theirs, run_ours, images, pairs):
    """Compares the gradients of a weighted sum of the outputs, in inference: batches of four make
    those of training chaotic."""
    gradients = []
    for side, model in ((0, run_ours), (1, theirs)):
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
