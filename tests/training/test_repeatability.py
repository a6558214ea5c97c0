"""Training steps from equal state give equal bits, in whatever order the threads work."""

import itertools
import re
import time
from contextlib import suppress

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.training.optimizer import SGD
from tfresnet.training.step import TrainStep

CLASSES = 10
PRECISIONS = ("float32", "mixed_bfloat16")
# A test takes as long as its step takes to trace, which grows with depth: 1 to 3 s up to this many
# layers, 7 s for googlenet, 11 s for inception_v3, minutes for resnet1202.
SHALLOW = 8


def is_quick(name, precision):
    depth = re.search(r"\d+", name)
    shallow = depth is None or int(depth[0]) <= SHALLOW
    return shallow and name not in {"googlenet", "inception_v3"} and precision == "float32"


NETWORKS = [
    pytest.param(*network, marks=[] if is_quick(*network) else pytest.mark.slow)
    for network in itertools.product(models.list_models(), PRECISIONS)
]


def differences(network, batch, repeats=3):
    """What is not the same, bit for bit, after each of some steps from equal state."""
    optimizer = SGD(network.trainable_variables, lr=0.1, momentum=0.9, nesterov=True, l2=1e-4)
    step = TrainStep(network, optimizer, label_smoothing=0.1)
    variables = [*network.variables, *optimizer.variables]
    before = [np.array(variable) for variable in variables]
    random = np.random.default_rng(0)
    images = random.normal(size=(batch, *network.input_shape[1:])).astype(np.float32)
    labels = random.integers(0, CLASSES, batch, np.int32)
    outcomes = []
    for _ in range(repeats):
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        measured = step(tf.constant(images), tf.constant(labels), 1.0)
        values = {variable.path: np.array(variable).tobytes() for variable in variables}
        outcomes.append(values | {"loss": measured.loss, "auxiliary": measured.auxiliary})
    first, *others = outcomes
    return [name for name in first if any(other[name] != first[name] for other in others)]


class Late(keras.layers.Layer):
    """The identity. Its gradient is divided by `divisor`, and comes later by the next of `delays`,
    in seconds."""

    def __init__(self, divisor, delays):
        super().__init__()
        self.divisor, self.delays = np.float32(divisor), delays

    def call(self, x):
        def gradient(upstream):
            some = upstream[0, 0, 0, 0]  # the delay begins when the gradient is there
            late = tf.numpy_function(self._late_divisor, [some], tf.float32, stateful=False)
            return upstream / tf.ensure_shape(late, ())

        return tf.custom_gradient(lambda x: (tf.identity(x), gradient))(x)

    def _late_divisor(self, _):
        time.sleep(next(self.delays))
        return self.divisor


def test_gradients_are_added_in_one_order():
    """Of a tensor so large that TensorFlow would add them as they arrive, to save memory."""
    orders = list(itertools.permutations((0.0, 0.05, 0.1)))
    inputs = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(64, 1)(inputs)
    late = [Late(3 + i, iter(delays)) for i, delays in enumerate(zip(*orders, strict=True))]
    x = keras.layers.Add()([layer(x) for layer in late])
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(inputs, keras.layers.Dense(CLASSES)(x))
    assert differences(network, batch=64, repeats=len(orders)) == []


@pytest.mark.parametrize(("name", "precision"), NETWORKS)
def test_every_network_repeats_its_step(name, precision):
    assert differences(smallest(name, precision), batch=3) == []


def smallest(name, precision):
    """The network for the smallest images that it takes, as it is trained."""
    options = {"auxiliary": True} if models.has_auxiliary(name) else {}
    options |= {"num_classes": CLASSES, "dtype": precision}
    keras.utils.set_random_seed(0)
    for side in range(1, 65):
        with suppress(InputError):
            return models.create_model(name, input_shape=(side, side, 3), **options)
    raise AssertionError(f"{name} takes no images of up to 64 pixels")
