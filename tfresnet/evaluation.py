"""The one way a model is measured: validation, the test at the end of a run, evaluate.py."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.atomic import write_text
from tfresnet.data import eval_batches
from tfresnet.data.dataset import Split
from tfresnet.devices import Devices
from tfresnet.errors import InputError
from tfresnet.hardware import PRECISIONS
from tfresnet.layers import Preprocessing
from tfresnet.runs.source import Source

EVAL_BATCH = 500
SPLITS = ("test", "val", "train")
METRICS = ("loss", "top1", "top5")  # what a history and the charts by epoch follow


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
        for number in range(-(-len(images) // EVAL_BATCH)):
            before_batch(number)
            pixels = self.devices.each(lambda: next(batches)[0])
            parts.append(self._forward[tta](pixels).numpy())
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


def ranks(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """How many classes come before the true one, int32 `(n,)`: 0 is a right answer.

    Of equal logits the lower class number comes first, as argmax has it. An answer with a NaN is
    none: every class comes before the true one.
    """
    classes = logits.shape[-1]
    true = tf.gather(logits, labels, batch_dims=1)[:, None]
    is_lower = tf.range(classes)[None, :] < tf.cast(labels, tf.int32)[:, None]
    before = (logits > true) | ((logits == true) & is_lower)
    rank = tf.math.count_nonzero(before, axis=-1, dtype=tf.int32)
    return tf.where(tf.reduce_any(tf.math.is_nan(logits), axis=-1), classes, rank)


def metrics(logits: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> dict:
    """Metrics of logits `(n, classes)` against class numbers `(n,)`; see `Evaluation`."""
    n, classes = logits.shape
    rank = ranks(tf.constant(logits), tf.constant(labels)).numpy()
    exact = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinite logits give a loss of NaN
        shifted = exact - exact.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    totals = np.maximum(confusion.sum(axis=1), 1)
    return {
        "n": n,
        "loss": float(-log_probabilities[np.arange(n), labels].mean()),
        "top1": float((rank < 1).mean()),
        "top5": float((rank < 5).mean()),
        "per_class": dict(zip(class_names, (confusion.diagonal() / totals).tolist(), strict=True)),
        "confusion": confusion.tolist(),
    }


def evaluate(
    source: str | Path,
    *,
    model: str | None = None,
    mean: str | None = None,
    std: str | None = None,
    dataset: str | None = None,
    data_dir: str | Path | None = None,
    classes: str | None = None,
    skip_broken: bool = False,
    split: str | None = None,
    tta: bool = False,
    precision: str = "auto",
) -> dict:
    """Evaluates a run, a model file, a shipped model or weights on all images of a split.

    Args:
        source: run folder, `.keras` file or shipped name; with `model` any file of weights. A run
            that is not finished is evaluated as its newest checkpoint has it, and the result says
            so (`unfinished`).
        model: name of the network that the weights of `source` belong to.
        mean, std: how pixels are prepared, `R,G,B` in 0..1, where `source` does not say.
        dataset: data set; that of the run by default, cifar10 for a file.
        data_dir: folder that holds the data set; that of the run by default.
        classes: classes to keep, as "0-4" or "0,2,5-7"; those of the run by default.
        skip_broken: leave broken pictures of a folder out.
        split: "test", or "val" and "train" as the run split them (for a file: as a run with the
            default settings would). By default "test", and "val" for an unfinished run.
        tta: average the probabilities of each image and its mirror image.
        precision: dtype policy to compute in; "auto": that of the model.

    Returns:
        `model`, `dataset`, `split`, `precision`, `images_per_second` and the metrics of
        `Evaluation`.

    Raises:
        InputError: no such run, file, data set, split or precision; a model of other shapes, or
            one whose answers are not numbers.
    """
    _check_choice("split", split, (None, *SPLITS))
    _check_choice("precision", precision, PRECISIONS)
    run = Source(source, model, mean, std)
    data = run.dataset(dataset, data_dir, classes, skip_broken)
    network, unfinished = run.model(data)
    split = split or ("val" if unfinished else "test")
    images = run.images(data, split)
    evaluator = Evaluator(
        network,
        data.class_names,
        preprocessing=run.missing_preprocessing(network, data),
        dtype=None if precision == "auto" else precision,
    )
    _check_fit(network, data)
    evaluation = evaluator(images, tta=tta)
    if evaluation.not_numbers:
        raise InputError(
            "a model must answer with finite numbers. Received: NaN or infinity in "
            f"{evaluation.not_numbers} of {len(images)} answers, from {source}"
        )
    about = {"model": network.name, "dataset": data.name, "split": split}
    about |= {"unfinished": unfinished} if unfinished else {}
    about["precision"] = models.precision_of(network) if precision == "auto" else precision
    return about | evaluation.metrics | {"images_per_second": evaluation.images_per_second}


def _check_choice(name, value, choices):
    if value not in choices:
        known = ", ".join(choice for choice in choices if choice)
        raise InputError(f"{name} must be one of {known}. Received: {value!r}")


def _check_fit(model, data):
    expected = (None, data.num_classes)
    if tuple(model.output_shape) != expected:
        raise InputError(
            f"the model must tell the {data.num_classes} classes of {data.name} apart (output "
            f"{expected}). Received: output {model.output_shape}"
        )
    known = getattr(models.preprocessing_of(model), "class_names", ()) or data.class_names
    if tuple(known) != data.class_names:
        raise InputError(
            f"the model must know the classes of {data.name} ({', '.join(data.class_names)}). "
            f"Received: one of {', '.join(known)}"
        )
    wanted = (None, *data.image_shape)
    got = model.input_shape
    if len(got) != 4 or any(g not in (None, w) for g, w in zip(got, wanted, strict=True)):
        raise InputError(f"the model must take images of {data.name} {wanted}. Received: {got}")


def summary_line(result: dict) -> str:
    return (
        f"{result['split']}: {result['n']} images  loss {result['loss']:.4f}  "
        f"top-1 {100 * result['top1']:.2f} %  top-5 {100 * result['top5']:.2f} %"
    )


def report(result: dict) -> str:
    """A result for the screen: totals, top-1 by class, confusion matrix; fractions in percent."""
    names = list(result["per_class"])
    width = max(10, *(len(name) for name in names))
    model = result["model"]
    if "unfinished" in result:
        model += f" (unfinished, {result['unfinished']})"
    lines = [
        f"{model} on {result['dataset']}, {summary_line(result)}  "
        f"{result['images_per_second']:.0f} images/s",
        "",
        f"{'class':{width}} top-1 %   predicted as (columns in the same order)",
    ]
    for name, row in zip(names, result["confusion"], strict=True):
        counts = " ".join(f"{count:4d}" for count in row)
        lines.append(f"{name:{width}} {100 * result['per_class'][name]:7.2f}   {counts}")
    return "\n".join(lines)


def write_json(result: dict, path: str | Path) -> None:
    """Writes a result to a file, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        write_text(path, json.dumps(result, indent=2) + "\n")
    except OSError as error:
        raise InputError(
            f"--json must be a file that can be written ({error.strerror}). Received: {path}"
        ) from error
