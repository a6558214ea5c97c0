"""The same without a network of Keras: the forward pass with TensorFlow's operations."""

import numpy as np
import tensorflow as tf


def prepare(pixels):
    mean = np.array([125.307, 122.950, 113.865])
    return ((pixels - mean) / [62.993, 62.089, 66.705]).astype("float32")


def convolve(x, weights, conv, norm, strides=1):
    kernel = weights[f"{conv}/kernel"]
    if strides == 2:  # the centre of the kernel stands on every second pixel
        x = tf.nn.conv2d(x, kernel, 1, "SAME")[:, ::2, ::2]
    else:
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
    mean, variance = weights[f"{norm}/moving_mean"], weights[f"{norm}/moving_variance"]
    return tf.nn.batch_normalization(
        x, mean, variance, weights[f"{norm}/beta"], weights[f"{norm}/gamma"], 1e-5
    )


def unit(x, weights, name, strides):
    y = tf.nn.relu(convolve(x, weights, f"{name}/conv1", f"{name}/bn1", strides))
    y = convolve(y, weights, f"{name}/conv2", f"{name}/bn2")
    if strides == 2:
        x = x[:, ::2, ::2]
        x = tf.concat([x, tf.zeros_like(x)], -1)
    return tf.nn.relu(x + y)


def classify(weights, pixels):
    x = tf.nn.relu(convolve(prepare(pixels), weights, "conv1/conv", "conv1/bn"))
    for stage in (2, 3, 4):
        for block in (1, 2, 3):
            strides = 2 if stage > 2 and block == 1 else 1
            x = unit(x, weights, f"conv{stage}_block{block}", strides)
    x = tf.reduce_mean(x, (1, 2))
    return tf.nn.softmax(x @ weights["predictions/kernel"] + weights["predictions/bias"])
