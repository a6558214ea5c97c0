"""Finds out how a network scales pixels, and whether it gives logits or probabilities.

It calls the network on two grey images, because code can divide by 255 anywhere.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.layers.recorder import Call, record_calls, walk_calls
from tfresnet.models import classifier_layers

_GREYS = (64.0, 192.0)
_TOLERANCE = 0.01  # bfloat16 keeps two digits
_ANSWERS = (None, keras.activations.linear, keras.activations.softmax)


@dataclass(frozen=True)
class Behaviour:
    """How a network behaves.

    white: value of a white pixel in its input, 255 or 1, if the network scales pixels itself; None
    if its input must be normalised. probabilities: whether it gives probabilities, not logits.
    """

    white: int | None
    probabilities: bool

    def preprocessing(self, usual: Preprocessing) -> Preprocessing:
        """Preprocessing for the network: `usual`, or only the range of pixels it expects."""
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
    if last:
        for layer in classifier_layers([call.layer for call in calls if not call.inside]):
            layer.dtype_policy = "float32"
    shares = np.asarray(tf.cast(answers, tf.float32))
    sums_to_1 = np.allclose(shares.sum(axis=1), 1, atol=_TOLERANCE)
    return Behaviour(_white(calls), bool(sums_to_1 and shares.min() >= 0))


def _white(calls: list[Call]) -> int | None:
    """See `Behaviour.white`. Looks at the two greys in the input of the first trainable layer."""
    first = next((call for call in calls if call.layer._trainable_variables and call.inputs), None)
    if first is None:
        return None
    given = np.asarray(tf.cast(tf.nest.flatten(first.inputs)[0], tf.float32)).reshape(2, -1)
    low, high = given[:, np.abs(given[1] - given[0]).argmax()]  # padding stays the same
    if np.allclose((low, high), _GREYS, rtol=_TOLERANCE):
        return None
    rise = (high - low) / (_GREYS[1] - _GREYS[0])
    return 255 if abs(rise) < 1 + _TOLERANCE else 1  # made for pixels up to 1 if it enlarges them
