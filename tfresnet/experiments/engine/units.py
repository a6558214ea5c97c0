"""A trained network whose residual units can be run in another way.

These networks are chains of layers. A study can delete the branch of a unit, or stop the gradient
through it.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfresnet.errors import InputError
from tfresnet.layers import PlainBlock
from tfresnet.layers.residual import Unit, identity

BATCH = 250


class UnitChain:
    """The layers of a model after its input; `units` are the residual or plain ones among them.

    Raises:
        InputError: the model is not a chain of layers, or has no units.
    """

    def __init__(self, model: keras.Model):
        self.layers = model.layers[1:]
        self.units = [layer for layer in self.layers if isinstance(layer, Unit)]
        pairs = zip(model.layers, self.layers, strict=False)
        is_chain = all(layer.input is before.output for before, layer in pairs)
        if not (is_chain and self.units):
            raise InputError(
                "this study needs a chain of residual or plain units. "
                f"Received: {model.name}, {len(self.units)} units"
            )
        self.is_plain = isinstance(self.units[0], PlainBlock)
        self._run_whole = tf.function(self.with_branches, reduce_retracing=True)

    def run(self, x: tf.Tensor, run_unit: Callable[[int, Unit, tf.Tensor], tf.Tensor]):
        """Logits of pixels, `(batch, classes)`; calls `run_unit(number, unit, x)` for each unit."""
        for layer in self.layers:
            is_unit = isinstance(layer, Unit)
            x = run_unit(self.units.index(layer), layer, x) if is_unit else layer(x)
        return tf.cast(x, tf.float32)

    def with_branches(self, x: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        """Logits with branch i multiplied by `kept[i]`: 1 keeps it, 0 deletes it.

        A deleted plain unit passes its input on, subsampled where the shape changes.
        """

        def run_unit(number, unit, x):
            branch, shortcut = unit.parts(x, training=False)
            gate = tf.cast(kept[number], branch.dtype)
            if self.is_plain:
                whole = unit.join(branch, shortcut)
                return gate * whole + (1 - gate) * identity(x, unit.strides, unit.out_channels)
            return unit.join(gate * branch, shortcut)

        return self.run(x, run_unit)

    def error(self, images: np.ndarray, labels: np.ndarray, deleted=()) -> float:
        """Percent of wrong answers after the units with these numbers are deleted."""
        kept = np.ones(len(self.units), np.float32)
        kept[list(deleted)] = 0
        batches = [images[begin : begin + BATCH] for begin in range(0, len(images), BATCH)]
        logits = [self._run_whole(tf.constant(x, tf.float32), tf.constant(kept)) for x in batches]
        wrong = (np.concatenate(logits).argmax(axis=1) != labels).sum()
        return 100 * int(wrong) / len(images)

    @property
    def stages(self) -> list[list[int]]:
        """Groups of units that can change places: same class, same shapes of weights, and the same
        shape before and after."""
        found: dict[tuple, list[int]] = {}
        for number, unit in enumerate(self.units):
            if number not in self.shape_changers:
                shapes = (tuple(weight.shape) for weight in unit.weights)
                found.setdefault((type(unit), *shapes), []).append(number)
        return [*found.values()]

    @property
    def shape_changers(self) -> list[int]:
        """Numbers of the units that change the shape of their input."""
        units = enumerate(self.units)
        return [n for n, unit in units if tuple(unit.input.shape) != tuple(unit.output.shape)]

    def swap(self, a: int, b: int) -> None:
        """Exchanges the weights of two units of the same shape; a second call undoes it."""
        weights = [self.units[n].get_weights() for n in (a, b)]
        self.units[a].set_weights(weights[1])
        self.units[b].set_weights(weights[0])
