"""Records which layers are called, in which order, and what each call gives."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import keras


@dataclass(eq=False)
class Call:
    """One call of a layer. `inside` are the calls that it makes; `output` is None if it fails."""

    layer: keras.Layer
    output: object = None
    inside: list["Call"] = field(default_factory=list)


@contextlib.contextmanager
def recorded() -> Iterator[list[Call]]:
    """Collects the calls of all layers while the context is open, in the order they begin."""
    calls = []
    stack = [calls]
    call_layer = keras.Layer.__call__

    def recording(layer, *args, **kwargs):
        call = Call(layer)
        stack[-1].append(call)
        stack.append(call.inside)
        try:
            call.output = call_layer(layer, *args, **kwargs)
        finally:
            stack.pop()
        return call.output

    keras.Layer.__call__ = recording
    try:
        yield calls
    finally:
        keras.Layer.__call__ = call_layer


def every(calls: Iterable[Call]) -> Iterator[Call]:
    """The calls and all calls inside them, in the order they begin."""
    for call in calls:
        yield call
        yield from every(call.inside)
