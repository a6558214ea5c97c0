"""Memory for time: activations of a unit are computed again in the backward pass, not kept."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

_thread = threading.local()


def recomputing() -> bool:
    """Whether a layer is called for the second time in one step, to get its activations back.

    What a step does once, such as the update of moving averages, must not be done then.
    """
    return getattr(_thread, "recomputing", False)


def rematerialize(model: keras.Model) -> keras.Model:
    """Makes every composite layer of `model` (a residual unit, say) keep only its input.

    Training then needs memory for one activation a unit and for the inside of one unit, and a
    third more time; its numbers stay the same. Returns the model; a saved model forgets it.

    Source: Chen et al., 2016, "Training Deep Nets with Sublinear Memory Cost",
    https://arxiv.org/abs/1604.06174.
    """
    for layer in model.layers:
        if len(list(layer._flatten_layers())) > 1:
            layer.call = _rematerialized(layer.call)
    return model


def _rematerialized(call: Callable) -> Callable:
    @functools.wraps(call)
    def wrapped(*args, **kwargs):
        if not kwargs.get("training"):
            return call(*args, **kwargs)
        return _computed_twice(functools.partial(call, **kwargs))(*args)

    return wrapped


def _computed_twice(function: Callable) -> Callable:
    """`function` of tensors, with a gradient that computes it again.

    `tf.recompute_grad`, and so `keras.remat`, can be differentiated twice. For that it searches the
    whole graph once a unit while the step is traced: for ResNet-1202 more than 20 minutes.
    """

    @tf.custom_gradient
    def once(*inputs):
        def gradient(*upstream, variables=()):
            with tf.GradientTape() as tape:
                with tf.control_dependencies(upstream):  # not before its memory is needed
                    again = [tf.identity(x) for x in inputs]
                tape.watch(again)
                with _as_recomputing(True):
                    outputs = function(*again)
            gradients = tape.gradient(
                outputs,
                [*again, *variables],
                upstream,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            return gradients[: len(inputs)], gradients[len(inputs) :]

        return function(*inputs), gradient

    return once


@contextlib.contextmanager
def _as_recomputing(value) -> Iterator[None]:
    before = recomputing()
    _thread.recomputing = before or value
    try:
        yield
    finally:
        _thread.recomputing = before
