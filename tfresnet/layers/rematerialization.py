"""Memory for time: activations of a unit are computed again in the backward pass, not kept."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator

import keras

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
    https://arxiv.org/abs/1604.06174; `keras.remat` does the work.
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
        calls = 0

        def body(*tensors):
            nonlocal calls
            calls += 1
            with _as_recomputing(calls > 1):
                return call(*tensors, **kwargs)

        return keras.remat(body)(*args)

    return wrapped


@contextlib.contextmanager
def _as_recomputing(value) -> Iterator[None]:
    before = recomputing()
    _thread.recomputing = before or value
    try:
        yield
    finally:
        _thread.recomputing = before
