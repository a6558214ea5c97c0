"""A training that must come out the same on any hardware; as a program: on two devices.

python replicas.py FILE.npz   trains on two devices, and stores the weights
"""

import sys

import keras
import numpy as np
import tensorflow as tf

from tfresnet.layers import ConvBN, IdentityBlock, ProjectionBlock
from tfresnet.layers.rematerialization import rematerialize
from tfresnet.training.optimizer import SGD
from tfresnet.training.step import TrainStep

STEPS = 8


def trained(precision="float32", remat=False, strategy=None) -> list[np.ndarray]:
    """The trainable weights of a small residual network after some steps."""
    keras.utils.set_random_seed(0)
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        network = _network(precision)
        scaled = precision == "mixed_float16"
        settings = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "l2": 5e-4, "scaled": scaled}
        optimizer = SGD(network.trainable_variables, **settings)
    if remat:
        rematerialize(network)
    step = TrainStep(network, optimizer, label_smoothing=0.0, strategy=strategy)
    batches = iter(strategy.experimental_distribute_dataset(_batches()))
    for number in range(STEPS):
        step(*next(batches), 1 - number / STEPS, observe=number == 3)
    return [keras.ops.convert_to_numpy(weight) for weight in network.trainable_variables]


def _network(policy):
    images = keras.Input((8, 8, 3))
    x = ConvBN(8, 3, dtype=policy)(images)
    x = IdentityBlock(8, dtype=policy)(x)
    x = ProjectionBlock(16, strides=2, dtype=policy)(x)
    x = keras.layers.GlobalAveragePooling2D(dtype=policy)(x)
    return keras.Model(images, keras.layers.Dense(10, dtype="float32")(x))


def _batches():
    # Both halves of a batch are alike, and so are the statistics that two devices see.
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 8, 3)).astype("float32")
    labels = np.arange(32, dtype="int32").reshape(4, 8) % 10
    halves = tf.data.Dataset.from_tensor_slices((images, labels))
    return halves.map(lambda x, y: (tf.concat([x, x], 0), tf.concat([y, y], 0))).repeat()


def two_devices() -> tf.distribute.Strategy:
    processor = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, two)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


if __name__ == "__main__":
    np.savez(sys.argv[1], *trained(strategy=two_devices()))
