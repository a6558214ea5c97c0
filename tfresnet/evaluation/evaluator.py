"""The one way a model is measured: validation, the test at the end of a run, evaluate.py."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.data import eval_batches
from tfresnet.data.dataset import Split
from tfresnet.evaluation.metrics import metrics
from tfresnet.layers import Preprocessing
from tfresnet.system.devices import Devices

EVAL_BATCH = 500


@dataclass
class Evaluation:
    """What a model answers to the images of a split, and how good that is.

    logits: `(n, classes)`, float32. metrics: `n`, `loss` (cross-entropy, no smoothing), `top1`,
    `top5` (fractions), `per_class` (top-1 by class name), `confusion` (counts, a row for each true
    class). seconds: it took.
    """

    logits: np.ndarray
    metrics: dict
    seconds: float

    @property
    def images_per_second(self) -> float:
        return self.metrics["n"] / self.seconds

    @property
    def probabilities(self) -> np.ndarray:
        """`(n, classes)`."""
        powers = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    @property
    def not_numbers(self) -> int:
        """Images to which the answer holds a NaN or an infinity."""
        return int((~np.isfinite(self.logits)).any(axis=1).sum())


class Evaluator:
    """Measures a model, which may be trained on between two calls.

    Args:
        model: takes pixels, 0 to 255, or what `preprocessing` makes of them; gives logits or
            softmax probabilities `(n, classes)`.
        dtype: dtype policy to compute in; None: that of the model.
        devices: what it is shared out to; None: one.

    Raises:
        InputError: a model with other outputs.
    """

    def __init__(
        self,
        model: keras.Model,
        class_names: tuple[str, ...],
        *,
        preprocessing: Preprocessing | None = None,
        dtype: str | None = None,
        devices: Devices | None = None,
    ):
        self.model = model
        self.class_names = class_names
        self.devices = devices or Devices()
        self._dtype = dtype
        self._copy: keras.Model | None = None
        self._preprocessing = preprocessing or tf.identity
        self._softmax = models.gives_probabilities(model)
        ways = {False: self._answers, True: self._answers_with_mirror_images}
        self._forward = {
            tta: tf.function(self.devices.concatenated(way), reduce_retracing=True)
            for tta, way in ways.items()
        }

    def __call__(
        self,
        images: Split,
        before_batch: Callable = lambda batch: None,
        after_batch: Callable = lambda batch, so_far: None,
        tta: bool = False,
    ) -> Evaluation:
        """Measures the present weights on all of `images`.

        With `tta`, the probabilities of each image and of its mirror image are averaged.
        `before_batch` and `after_batch` are told the number of the batch, from 0; the second also
        a function that gives the evaluation up to there.
        """
        began, parts = time.monotonic(), []

        def so_far():
            logits = np.concatenate(parts)
            found = metrics(logits, images.labels[: len(logits)], self.class_names)
            return Evaluation(logits, found, time.monotonic() - began)

        self._take_present_weights()
        batches = iter(self._batches(images))
        for number, start in enumerate(range(0, len(images), EVAL_BATCH)):
            before_batch(number)
            pixels = self.devices.each(lambda: next(batches)[0])
            # Several devices answer to more images than there are if these are too few for all.
            parts.append(self._forward[tta](pixels).numpy()[: len(images) - start])
            after_batch(number, so_far)
        return so_far()

    def _batches(self, images):
        shared = {"parts": self.devices.replicas, "mine": self.devices.mine}
        return eval_batches(images, batch_size=EVAL_BATCH, **shared)

    def _take_present_weights(self):
        if self._copy is None:  # made when it is first needed: a training starts sooner
            with self.devices.strategy.scope():
                self._copy = models.inference_copy(self.model, self._dtype)
        else:
            models.refold(self._copy, self.model)

    def _answers(self, pixels):
        answers = tf.cast(self._copy(self._preprocessing(pixels), training=False), tf.float32)
        return _as_logits(answers) if self._softmax else answers

    def _answers_with_mirror_images(self, pixels):
        both = self._answers(tf.concat([pixels, pixels[:, :, ::-1]], axis=0))
        return _as_logits(sum(tf.split(tf.nn.softmax(both), 2)) / 2)


def _as_logits(probabilities):
    return tf.math.log(probabilities + 1e-30)
