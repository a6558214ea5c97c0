"""A trained network cut open at its residual units.

The networks of residual units are chains of layers. Here each unit can be run in another way: its
branch deleted, or closed for the gradient alone.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfresnet.errors import InputError
from tfresnet.layers import PlainBlock
from tfresnet.layers.residual import Unit, identity

BATCH = 250


class CutOpen:
    """The layers of a model from its input on; `units` are those that can be taken out.

    Raises:
        InputError: a model that is no chain, or has no units.
    """

    def __init__(self, model: keras.Model):
        self.layers = model.layers[1:]
        self.units = [layer for layer in self.layers if isinstance(layer, Unit)]
        chain = all(
            layer.input is before.output
            for before, layer in zip(model.layers, self.layers, strict=False)
        )
        if not (chain and self.units):
            raise InputError(
                "this study needs a chain of residual or plain units. "
                f"Received: {model.name}, {len(self.units)} units"
            )
        self.is_plain = isinstance(self.units[0], PlainBlock)
        self._answers = tf.function(self.with_branches, reduce_retracing=True)

    def run(self, x: tf.Tensor, run_unit: Callable[[int, Unit, tf.Tensor], tf.Tensor]):
        """Logits of pixels, `(batch, classes)`; `run_unit(number, unit, x)` in place of a unit."""
        for layer in self.layers:
            is_unit = isinstance(layer, Unit)
            x = run_unit(self.units.index(layer), layer, x) if is_unit else layer(x)
        return tf.cast(x, tf.float32)

    def with_branches(self, x: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        """Logits with branch i times `kept[i]`: 1 leaves it, 0 deletes it.

        Of a plain unit all is deleted: its input goes on, subsampled where it has to be.
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
        """Percent of wrong answers without the units of these numbers."""
        kept = np.ones(len(self.units), np.float32)
        kept[list(deleted)] = 0
        wrong = 0
        for begin in range(0, len(images), BATCH):
            batch = slice(begin, begin + BATCH)
            pixels = tf.constant(images[batch], tf.float32)
            answers = self._answers(pixels, tf.constant(kept)).numpy().argmax(axis=1)
            wrong += int((answers != labels[batch]).sum())
        return 100 * wrong / len(images)

    @property
    def stages(self) -> list[list[int]]:
        """Numbers of the units that can change places: of one kind, with one shape of weights, and
        of the same shape before and after."""
        found: dict[tuple, list[int]] = {}
        for number, unit in enumerate(self.units):
            if tuple(unit.input.shape) == tuple(unit.output.shape):
                shapes = tuple(tuple(weight.shape) for weight in unit.weights)
                found.setdefault((type(unit), shapes), []).append(number)
        return [*found.values()]

    @property
    def shape_changers(self) -> list[int]:
        """Numbers of the units that change the shape of their input."""
        units = enumerate(self.units)
        return [n for n, unit in units if tuple(unit.input.shape) != tuple(unit.output.shape)]

    def swap(self, a: int, b: int) -> None:
        """Lets two units of the same shape change places; a second time puts them back."""
        first, second = self.units[a], self.units[b]
        weights = first.get_weights()
        first.set_weights(second.get_weights())
        second.set_weights(weights)
