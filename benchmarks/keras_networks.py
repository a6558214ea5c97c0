"""Our networks in the layers of Keras and of KerasHub, used as their guides say."""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import Input, Model, layers, ops

from benchmarks.contestants import (
    CLASSES,
    EVAL_BATCH,
    EVAL_IMAGES,
    IMAGE,
    Assignment,
    Step,
    strided,
)
from benchmarks.tensorflow_steps import images, inference, start_up
from tfresnet.data import shapes10

_START_IMAGES = 5_000


def stock_step(what: Assignment, dtype: str) -> Step:
    return _step(stock_network, what, dtype)


def hub_step(what: Assignment, dtype: str) -> Step:
    return _step(hub_network, what, dtype)


def _step(build, what, dtype):
    keras.config.set_dtype_policy(dtype)
    network = build(what)
    if what.task == "inference":
        return inference(network)
    if what.task == "evaluation":
        pixels = images(EVAL_IMAGES).images.astype(np.float32)
        predict = functools.partial(network.predict, batch_size=EVAL_BATCH, verbose=0)
        return lambda: predict(pixels), EVAL_IMAGES
    network.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    if what.task == "start-up":
        return start_up(functools.partial(_fit, network, what.batch_size))
    batch = images(what.batch_size)
    pixels, labels = tf.constant(batch.images / np.float32(255)), tf.constant(batch.labels)
    train = tf.function(lambda: network.train_step((pixels, labels)))
    return lambda: float(train()["loss"]), what.batch_size


def _fit(network, batch_size, callbacks):
    split = shapes10.load().train.take(range(_START_IMAGES))
    batches = (
        tf.data.Dataset.from_tensor_slices((split.images.astype("float32") / 255, split.labels))
        .shuffle(_START_IMAGES)
        .map(lambda image, label: (tf.image.random_flip_left_right(image), label))
        .batch(batch_size)
        .prefetch(2)
    )
    network.fit(batches, verbose=0, shuffle=False, callbacks=callbacks)


def stock_network(row) -> keras.Model:
    """The network of a row of `NETWORKS`, or of an `Assignment`, in Keras' own layers."""

    def shortcut(x, channels, strides):
        if strides == 1 and x.shape[-1] == channels:
            return x
        if row.shortcut == "B":
            return _conv_bn(x, channels, 1, strides, relu=False)
        missing = channels - x.shape[-1]
        return ops.pad(x[:, ::strides, ::strides], [[0, 0], [0, 0], [0, 0], [0, missing]])

    def unit(x, filters, strides):
        if row.bottleneck:
            y = _conv_bn(_conv_bn(x, filters, 1, strides), filters, 3)
            y = _conv_bn(y, 4 * filters, 1, relu=False)
        else:
            y = _conv_bn(_conv_bn(x, filters, 3, strides), filters, 3, relu=False)
        if row.shortcut:
            y = layers.Add()([y, shortcut(x, y.shape[-1], strides)])
        return layers.ReLU()(y)

    inputs = Input(IMAGE)
    x = _conv_bn(inputs, row.filters[0], 3)
    for filters, strides in strided(row):
        x = unit(x, filters, strides)
    return _with_classifier(inputs, x)


def hub_network(row) -> keras.Model:
    """The same in KerasHub's basic residual blocks. Its own stem is for photographs."""
    from keras_hub.src.models.resnet.resnet_backbone import apply_stack

    inputs = Input(IMAGE)
    x = _conv_bn(inputs, row.filters[0], 3)
    for stage, (units, filters) in enumerate(zip(row.units, row.filters, strict=True)):
        x = apply_stack(
            x,
            filters,
            units,
            stride=2 if stage else 1,
            block_type="basic_block",
            use_pre_activation=False,
            first_shortcut=stage > 0,
            name=f"stage{stage}",
        )
    return _with_classifier(inputs, x)


def _conv_bn(x, filters, size, strides=1, relu=True):
    x = layers.Conv2D(filters, size, strides, "same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x) if relu else x


def _with_classifier(inputs, x):
    x = layers.GlobalAveragePooling2D()(x)
    return Model(inputs, layers.Dense(CLASSES, dtype="float32")(x))
