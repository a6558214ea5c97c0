"""Exercise 7, solved."""

import keras
import numpy as np
from keras import layers

MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)


def prepare(pixels):
    return (pixels.astype("float32") / 255 - MEAN) / STD


def convolve(x, filters, strides, name):
    conv, norm = name
    x = layers.ZeroPadding2D(1)(x)  # on all sides, with stride 2 too
    x = layers.Conv2D(filters, 3, strides, padding="valid", use_bias=False, name=conv)(x)
    return layers.BatchNormalization(epsilon=1e-5, name=norm)(x)


def unit(x, filters, strides, name):
    y = layers.ReLU()(convolve(x, filters, strides, (f"{name}_conv1", f"{name}_bn1")))
    y = convolve(y, filters, 1, (f"{name}_conv2", f"{name}_bn2"))
    if x.shape[-1] != filters:
        zeros = filters - x.shape[-1]
        x = keras.ops.pad(x[:, ::strides, ::strides], ((0, 0), (0, 0), (0, 0), (0, zeros)))
    return layers.ReLU()(layers.add([x, y]))


def network():
    images = keras.Input((32, 32, 3))
    x = layers.ReLU()(convolve(images, 16, 1, ("conv1_conv", "conv1_bn")))
    for stage, filters in ((2, 16), (3, 32), (4, 64)):
        for number in (1, 2, 3):
            strides = 2 if stage > 2 and number == 1 else 1
            x = unit(x, filters, strides, f"conv{stage}_block{number}")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(10, name="predictions")(x))


def copy_weights(model, weights):
    for path, value in weights.items():
        name, _, kind = path.rpartition("/")
        layer = model.get_layer(name.replace("/", "_"))
        getattr(layer, kind).assign(value)


def classify(weights, pixels):
    model = network()
    copy_weights(model, weights)
    return np.array(model(prepare(pixels), training=False))
