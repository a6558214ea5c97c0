"""Trades time for memory: the backward pass computes a unit's activations again."""

import functools
from collections.abc import Callable

import keras
import tensorflow as tf


def rematerialize(model: keras.Model) -> keras.Model:
    """Makes every composite layer of `model`, such as a residual unit, keep only its input.

    Training then stores one activation per unit and the inside of one unit. It takes a third more
    time and gives the same numbers. Returns `model`. A saved model does not keep this setting.

    Source: Chen et al., 2016, "Training Deep Nets with Sublinear Memory Cost",
    https://arxiv.org/abs/1604.06174.
    """
    for layer in model.layers:
        if len(list(layer._flatten_layers())) > 1:
            layer.call = _rematerializing_call(layer)
    return model


def _rematerializing_call(layer: keras.Layer) -> Callable:
    call = layer.call
    weights = {id(weight) for weight in layer.weights}
    states = [v for v in layer.variables if id(v) not in weights]  # of random generators

    @functools.wraps(call)
    def wrapped(*args, **kwargs):
        if not kwargs.get("training"):
            return call(*args, **kwargs)
        return _recompute_in_backward(functools.partial(call, **kwargs), states)(*args)

    return wrapped


def _recompute_in_backward(function: Callable, states: list[keras.Variable]) -> Callable:
    """`function` with a gradient that calls it again from the same `states`.

    Not `tf.recompute_grad` (nor `keras.remat`, which calls it): to support second derivatives it
    searches the whole graph once per unit while tracing. ResNet-1202 took over 20 minutes.
    """

    @tf.custom_gradient
    def once(*inputs):
        before = [(state, tf.identity(state.value)) for state in states]

        def gradient(*upstream, variables=()):
            again = [_delay(x, upstream[0]) for x in inputs]
            # The scope discards side effects, such as a second update of the moving averages.
            with tf.GradientTape() as tape, keras.StatelessScope(before):
                tape.watch(again)
                outputs = function(*again)
            sources, zero = [*again, *variables], tf.UnconnectedGradients.ZERO
            gradients = tape.gradient(outputs, sources, upstream, unconnected_gradients=zero)
            return gradients[: len(inputs)], gradients[len(inputs) :]

        return function(*inputs), gradient

    return once


def _delay(x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """x, but not before `gradient` is computed: until then its activations need no memory.

    XLA ignores control dependencies and would merge the second computation with the first. It
    cannot see that the number subtracted here is zero.
    """
    one = tf.reduce_sum(tf.reshape(gradient, [-1])[:1])  # 0 for an empty batch
    zero = tf.where(tf.math.is_nan(one), one, tf.zeros_like(one))
    return x - tf.cast(zero, x.dtype)
