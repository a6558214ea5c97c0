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


def feature_run(run: Run) -> Run:
    """The run for `transfer="head"`: features of the images, not augmented, replace the images.

    State, optimiser and folder are those of `run`. Computing the features counts as training time.
    """
    began = time.monotonic()
    dense = run.learner.network.layers[-1]
    head = keras.Model(dense.input, dense.output)
    backbone = models.inference_copy(keras.Model(run.learner.network.inputs[0], dense.input))
    forward = tf.function(lambda pixels: backbone(pixels, training=False))

    def compute(images: Split) -> Features:
        batches = eval_batches(images, batch_size=EVAL_BATCH)
        return Features(np.concatenate([forward(x).numpy() for x, _ in batches]), images.labels)

    train, validation = run.material.train, run.material.validation
    material = dataclasses.replace(
        run.material, train=compute(train), validation=validation and compute(validation)
    )
    seconds = time.monotonic() - began
    run.state.seconds[-1] += seconds
    run.folder.say(f"features of all images in {seconds:.0f} s")
    learner = dataclasses.replace(run.learner, network=head, model=head)
    return dataclasses.replace(run, material=material, learner=learner)
