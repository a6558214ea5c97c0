"""A training that must come out the same on any hardware; as a program: on two devices.

python hardware.py FILE.npz   trains with MirroredStrategy and stores the weights
"""

import sys

import keras
import numpy as np
import tensorflow as tf

from tfresnet.layers import ConvBN, IdentityBlock, ProjectionBlock
from tfresnet.layers.rematerialization import rematerialize
from tfresnet.training.config import TrainConfig
from tfresnet.training.job import prepare
from tfresnet.training.loop import compile_model
from tfresnet.training.step import TrainingModel


def trained(precision="float32", jit=False, remat=False, strategy=None) -> list[np.ndarray]:
    """The trainable weights of a small residual network after some steps."""
    keras.utils.set_random_seed(0)
    settings = {"batch_size": 16, "warmup_epochs": 0.0, "precision": precision}
    job = prepare(TrainConfig(model="resnet20", dataset="shapes10", **settings))
    with (strategy or tf.distribute.get_strategy()).scope():
        network = _network(precision)
        model = TrainingModel(rematerialize(network) if remat else network)
        compile_model(model, job)
    model.jit_compile = jit
    model.fit(_batches(), epochs=2, verbose=0, shuffle=False)
    return [keras.ops.convert_to_numpy(weight) for weight in model.trainable_variables]


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
    return halves.map(lambda x, y: (tf.concat([x, x], 0), tf.concat([y, y], 0)))


def main() -> None:
    processor = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, two)
    np.savez(sys.argv[1], *trained(strategy=tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])))


if __name__ == "__main__":
    main()
