"""Training a new classifier alone, on features that are computed once."""

import dataclasses
import time

import keras
import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.data import eval_batches
from tfresnet.data.dataset import Features, Split
from tfresnet.evaluation.evaluator import EVAL_BATCH
from tfresnet.training.run import Run


def on_features(run: Run) -> Run:
    """The same run as its last dense layer sees it (`transfer="head"`): the features of the images,
    not augmented, in place of the images, and the layer in place of the network.

    State, optimiser and folder are shared. The time that the features take counts as training.
    """
    began = time.monotonic()
    dense = run.learner.network.layers[-1]
    head = keras.Model(dense.input, dense.output)
    backbone = models.inference_copy(keras.Model(run.learner.network.inputs[0], dense.input))
    forward = tf.function(lambda pixels: backbone(pixels, training=False))

    def features_of(images: Split | None) -> Features | None:
        if images is None:
            return None
        batches = eval_batches(images, batch_size=EVAL_BATCH)
        return Features(np.concatenate([forward(x).numpy() for x, _ in batches]), images.labels)

    material = dataclasses.replace(
        run.material,
        train=features_of(run.material.train),
        validation=features_of(run.material.validation),
    )
    seconds = time.monotonic() - began
    run.state.seconds[-1] += seconds
    run.folder.say(f"features of all images in {seconds:.0f} s")
    learner = dataclasses.replace(run.learner, network=head, model=head)
    return dataclasses.replace(run, material=material, learner=learner)
