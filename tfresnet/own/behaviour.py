"""How a network treats pixels and what it answers, seen by calling it on two grey pictures.

Its layers need not say so: code can divide by 255 anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.layers.recorder import Call, record_calls, walk_calls
from tfresnet.models import CLASSIFIER_LAYERS

_GREYS = (64.0, 192.0)
_TOLERANCE = 0.01  # bfloat16 keeps two digits
_ANSWERS = (None, keras.activations.linear, keras.activations.softmax)


@dataclass(frozen=True)
class Behaviour:
    """What was seen.

    white: the value of a white pixel that the network expects, 255 or 1, because it scales pixels
    itself; None: it takes what it is given, so that somebody else has to normalise.
    probabilities: whether it answers with probabilities, and not with logits.
    """

    white: int | None
    probabilities: bool

    def preprocessing(self, usual: Preprocessing) -> Preprocessing:
        """What goes before the network: `usual`, or pixels in the range that it expects."""
        if self.white is None:
            return usual
        channels = len(usual.std)
        return Preprocessing((0.0,) * channels, (1 / self.white,) * channels, usual.class_names)


def observe(network: keras.Layer, shape: tuple[int, int, int]) -> Behaviour:
    """Calls a built network. Under mixed precision its classifier computes in float32 from now on,
    as ours does: a loss needs the digits.

    Raises:
        InputError: it ends in another activation than softmax.
    """
    pictures = tf.stack([tf.fill(shape, grey) for grey in _GREYS])
    with record_calls() as calls:
        answers = network(pictures, training=False)
    calls = [*walk_calls(calls)]
    last = [call for call in calls if not call.inside and call.output is answers]
    activation = getattr(last[-1].layer, "activation", None) if last else None
    if isinstance(activation, type(keras.activations.relu)) and activation not in _ANSWERS:
        raise InputError(
            "a classifier must give logits or softmax probabilities: it ends in another "
            f"activation. Received: {activation.__name__}"
        )
    for layer in _classifier(calls) if last else ():
        layer.dtype_policy = "float32"
    shares = np.asarray(tf.cast(answers, tf.float32))
    sums_to_1 = np.allclose(shares.sum(axis=1), 1, atol=_TOLERANCE)
    return Behaviour(_white(calls), bool(sums_to_1 and shares.min() >= 0))


def _classifier(calls: list[Call]) -> Iterator[keras.Layer]:
    """The last layers that were called, up to the last dense one and the pooling before it."""
    dense = 0
    for call in reversed([call for call in calls if not call.inside]):
        dense += isinstance(call.layer, keras.layers.Dense)
        if dense > 1 or not isinstance(call.layer, CLASSIFIER_LAYERS):
            return
        yield call.layer


def _white(calls: list[Call]) -> int | None:
    """From what becomes of the two greys before the first layer that has weights to train."""
    first = next((call for call in calls if call.layer._trainable_variables and call.inputs), None)
    if first is None:
        return None
    given = np.asarray(tf.cast(tf.nest.flatten(first.inputs)[0], tf.float32)).reshape(2, -1)
    low, high = given[:, np.abs(given[1] - given[0]).argmax()]  # padding stays the same
    if np.allclose((low, high), _GREYS, rtol=_TOLERANCE):
        return None
    rise = (high - low) / (_GREYS[1] - _GREYS[0])
    return 255 if abs(rise) < 1 + _TOLERANCE else 1  # made for pixels up to 1 if it enlarges them
