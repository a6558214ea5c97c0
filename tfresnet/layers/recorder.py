"""Records the calls of layers: which, in what order, with what output."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import keras


@dataclass(eq=False)
class Call:
    """One call of a layer, with the calls it makes `inside`. `output` is None if it fails."""

    layer: keras.Layer
    inputs: tuple = ()
    output: object = None
    inside: list["Call"] = field(default_factory=list)


@contextlib.contextmanager
def record_calls() -> Iterator[list[Call]]:
    """Collects the calls of all layers while the context is open, in order of their start."""
    calls: list[Call] = []
    stack = [calls]
    call_layer = keras.Layer.__call__

    def record(layer, *args, **kwargs):
        call = Call(layer, args)
        stack[-1].append(call)
        stack.append(call.inside)
        try:
            call.output = call_layer(layer, *args, **kwargs)
        finally:
            stack.pop()
        return call.output

    keras.Layer.__call__ = record
    try:
        yield calls
    finally:
        keras.Layer.__call__ = call_layer


def walk_calls(calls: Iterable[Call]) -> Iterator[Call]:
    """The calls and all calls inside them, in order of their start."""
    for call in calls:
        yield call
        yield from walk_calls(call.inside)


def feature_maps(calls: Iterable[Call]) -> Iterator[Call]:
    """The outermost calls with an output `(batch, height, width, channels)`: those of units, not
    those of the layers inside."""
    for call in calls:
        if len(getattr(call.output, "shape", ())) == 4:
            yield call
        else:
            yield from feature_maps(call.inside)
