"""Transfer learning: all of a network is trained, its last stages, or a classifier alone."""

import time
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.data import eval_batches
from tfresnet.data.dataset import Split
from tfresnet.evaluation import EVAL_BATCH, Evaluator
from tfresnet.training.run import Run


class Head(Evaluator):
    """The dense layer at the end of a network, trained and measured (`transfer="head"`) on the
    features of the images, which are computed once and not augmented.

    network: from features `(n, channels)` to logits.
    """

    def __init__(self, run: Run):
        dense = run.model.layers[-1]
        self.network = keras.Model(dense.input, dense.output)
        super().__init__(self.network, run.dataset.class_names)
        self.run = run
        copy = models.inference_copy(keras.Model(run.model.inputs[0], dense.input))
        self._backbone = tf.function(lambda pixels: copy(pixels, training=False))
        began = time.monotonic()
        self._train = self._features(run.train)
        run.state.seconds[-1] += time.monotonic() - began  # they are the data of all epochs
        self._validation = self._features(run.validation) if run.validation else None
        run.folder.say(f"features of all images in {time.monotonic() - began:.0f} s")

    def _features(self, images: Split) -> np.ndarray:
        batches = eval_batches(images, batch_size=EVAL_BATCH)
        return np.concatenate([self._backbone(pixels).numpy() for pixels, _ in batches])

    def _batches(self, images):
        for first in range(0, len(images), EVAL_BATCH):
            yield tf.constant(self._validation[first : first + EVAL_BATCH]), None

    def batches(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """As `Run.batches`, of features; their order is a function of seed and epoch."""
        run, size, epoch = self.run, self.run.config.batch_size, None
        while not run.is_trained:
            if epoch != run.epoch:
                epoch = run.epoch
                bits = np.random.Philox(key=(epoch << 64) + run.config.seed)
                order = np.argsort(bits.random_raw(len(run.train)), kind="stable")
            first = run.step_in_epoch * size
            some = order[first : first + size]
            run.waited = 0.0
            yield tf.constant(self._train[some]), tf.constant(run.train.labels[some])
