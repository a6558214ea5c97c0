"""The evaluator: the one way a model is measured, in validation, test and evaluate.py."""

import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

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
    """The outputs of a model for the images of a split, and their metrics.

    logits: `(n, classes)`, float32. metrics: `n`, `loss` (cross-entropy without smoothing), `top1`
    and `top5` (fractions), `per_class` (top-1 by class name), `mean_per_class` (over the classes
    that have images), `confusion` (counts, one row per true class). seconds: duration.
    """

    logits: np.ndarray
    metrics: dict
    seconds: float

    @property
    def images_per_second(self) -> float:
        return self.metrics["n"] / self.seconds

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, `(n, classes)`."""
        powers = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    @property
    def not_finite(self) -> int:
        """How many images have a NaN or an infinity in their logits."""
        return int((~np.isfinite(self.logits)).any(axis=1).sum())


@dataclass(eq=False)
class Evaluator:
    """Measures a model, which may be trained between two calls.

    The model takes pixels, 0 to 255, or the output of `preprocessing`. It must return logits or
    softmax probabilities `(n, classes)`, else an `InputError` is raised.
    """

    model: keras.Model
    class_names: tuple[str, ...]
    _: KW_ONLY
    preprocessing: Preprocessing | None = None
    dtype: str | None = None  # dtype policy to compute in; None: the model's
    devices: Devices = field(default_factory=Devices)  # share each batch

    def __post_init__(self):
        self._copy: keras.Model | None = None
        self._softmax = models.gives_probabilities(self.model)
        options = {"autograph": False, "reduce_retracing": True}
        self._forward, self._forward_tta = (
            tf.function(self.devices.gather_outputs(function), **options)
            for function in (self._logits, self._logits_tta)
        )

    def __call__(
        self,
        images: Split,
        before_batch: Callable = lambda batch: None,
        after_batch: Callable = lambda batch, so_far: None,
        tta: bool = False,
    ) -> Evaluation:
        """Measures the current weights on all of `images`, with `tta` on mirror images too.
        `before_batch` gets the number of each batch, from 0; `after_batch` also gets a function
        that returns the evaluation so far."""
        began, parts = time.monotonic(), []
        forward = self._forward_tta if tta else self._forward

        def so_far():
            logits = np.concatenate(parts)
            found = metrics(logits, images.labels[: len(logits)], self.class_names)
            return Evaluation(logits, found, time.monotonic() - began)

        self._update_copy()
        shares = {"parts": self.devices.replicas, "mine": self.devices.local_replicas}
        batches = iter(eval_batches(images, batch_size=EVAL_BATCH, **shares))
        for number, start in enumerate(range(0, len(images), EVAL_BATCH)):
            before_batch(number)
            pixels = self.devices.per_replica(lambda: next(batches)[0])
            # A last batch smaller than the number of devices is padded: drop the surplus.
            parts.append(forward(pixels).numpy()[: len(images) - start])
            after_batch(number, so_far)
        return so_far()

    def _update_copy(self):
        if self._copy is None:  # made on first use, so that a training starts sooner
            with self.devices.strategy.scope():
                self._copy = models.inference_copy(self.model, self.dtype)
        else:
            models.refold(self._copy, self.model)

    def _logits(self, pixels):
        inputs = self.preprocessing(pixels) if self.preprocessing else pixels
        outputs = tf.cast(self._copy(inputs, training=False), tf.float32)
        return _log(outputs) if self._softmax else outputs

    def _logits_tta(self, pixels):
        both = self._logits(tf.concat([pixels, pixels[:, :, ::-1]], axis=0))
        return _log(sum(tf.split(tf.nn.softmax(both), 2)) / 2)


def _log(probabilities):
    return tf.math.log(probabilities + 1e-30)
