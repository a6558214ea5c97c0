"""RMSProp, with which the lecture's Inception v3 was trained in place of plain SGD."""

import keras
import tensorflow as tf

from tfresnet.training.optimizer import SGD

_DECAY, _EPSILON = 0.9, 1.0  # of the second paper, section 8


class RMSProp(SGD):
    """SGD whose gradients are divided by the root of their mean square, for each weight alone.

    With the paper's epsilon of 1, gradients below 1 are hardly changed, so that the rates of SGD
    serve. The mean squares start at 0. Momentum, decay and all arguments: see `SGD`.

    Sources: Tieleman and Hinton, 2012, lecture 6.5 of "Neural Networks for Machine Learning";
    Szegedy et al., 2015, https://arxiv.org/abs/1512.00567.
    """

    def __init__(self, trainable: list[keras.Variable], **settings):
        super().__init__(trainable, **settings)
        add = self.keras.add_variable_from_reference
        self._mean_squares = [add(variable, name="mean_square") for variable in trainable]

    def _direction(self, index, gradient):
        gradient = super()._direction(index, gradient)
        square = self._mean_squares[index].value
        square.assign(_DECAY * square + (1 - _DECAY) * tf.square(gradient))
        return gradient / tf.sqrt(square + _EPSILON)
