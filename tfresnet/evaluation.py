"""How good a trained network is: loss, top-1, top-5, per class, confusion matrix."""

import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfresnet.atomic import write_text
from tfresnet.data import eval_batches, load_dataset
from tfresnet.data.dataset import Dataset, Split
from tfresnet.errors import InputError
from tfresnet.models import inference_copy, load_model
from tfresnet.training.config import PRECISIONS, TrainConfig
from tfresnet.training.precision import choose_precision

EVAL_BATCH = 500
SPLITS = ("test", "val", "train")


def evaluate(
    source: str | Path,
    *,
    dataset: str | None = None,
    data_dir: str | Path | None = None,
    split: str = "test",
    tta: bool = False,
    precision: str = "auto",
) -> dict:
    """Evaluates a run folder's final model, or a model file, on all images of a split.

    Args:
        source: run folder or `.keras` file.
        dataset: data set; that of the run by default, cifar10 for a file.
        data_dir: folder that holds the data set; that of the run by default.
        split: "test", or "val" and "train" as the run split them (for a file: as a run with the
            default settings would).
        tta: average the probabilities of each image and its mirror image.
        precision: dtype policy to compute in; "auto": bfloat16 where it pays, else the model's.

    Returns:
        `model`, `dataset`, `split`, `precision`, `n`, `loss` (cross-entropy, no smoothing), `top1`,
        `top5` (fractions), `per_class` (top-1 by class name), `confusion` (counts, a row for each
        true class), `images_per_second`.

    Raises:
        InputError: no such run, file, data set, split or precision, or a model of other shapes.
    """
    if split not in SPLITS:
        raise InputError(f"split must be one of {', '.join(SPLITS)}. Received: {split!r}")
    if precision not in PRECISIONS:
        raise InputError(
            f"precision must be one of {', '.join(PRECISIONS)}. Received: {precision!r}"
        )
    source = Path(source)
    config = TrainConfig.from_run(source) if source.is_dir() else TrainConfig()
    model = load_model(_model_file(source))
    chosen = dataset or config.dataset
    same = chosen == config.dataset
    data = load_dataset(chosen, data_dir or (config.data_dir if same else None))
    images = _images_of(data, split, config)
    dtype = _dtype_policy(precision)
    result = evaluate_model(model, images, data, tta=tta, dtype=dtype)
    about = {"model": model.name, "dataset": chosen, "split": split}
    return about | {"precision": dtype or model.dtype_policy.name} | result


def _dtype_policy(precision):
    """None: that of the model."""
    if precision != "auto":
        return precision
    chosen, _ = choose_precision("auto")
    return chosen if chosen == "mixed_bfloat16" else None


def _model_file(source):
    if not source.is_dir():
        return source
    if not (source / "model.keras").is_file():
        raise InputError(
            f"a run must be finished to be evaluated: continue it with --resume. Received: {source}"
        )
    return source / "model.keras"


def _images_of(data: Dataset, split: str, config: TrainConfig) -> Split:
    if split == "test":
        return data.test
    train, validation = data.holdout(config.val_size, config.seed, config.train_size)
    if split == "val" and validation is None:
        raise InputError("split must not be val: the run held no images out. Received: 'val'")
    return train if split == "train" else validation


def evaluate_model(
    model: keras.Model,
    images: Split,
    data: Dataset,
    *,
    tta: bool = False,
    dtype: str | None = None,
) -> dict:
    """Evaluates `model` (logits) on `images`, normalised as `data` is; see `evaluate`.

    `dtype`: dtype policy to compute in; None: that of the model.

    Raises:
        InputError: a model for other images or another number of classes.
    """
    _check_fit(model, data)
    began = time.monotonic()
    logits = predict_logits(model, images, data, tta=tta, dtype=dtype)
    seconds = time.monotonic() - began
    return metrics(logits, images.labels, data.class_names) | {
        "images_per_second": len(images) / seconds
    }


def _check_fit(model, data):
    expected = (None, data.num_classes)
    if tuple(model.output_shape) != expected:
        raise InputError(
            f"the model must tell the {data.num_classes} classes of {data.name} apart (output "
            f"{expected}). Received: output {model.output_shape}"
        )
    wanted = (None, *data.image_shape)
    got = model.input_shape
    if len(got) != 4 or any(g not in (None, w) for g, w in zip(got, wanted, strict=True)):
        raise InputError(f"the model must take images of {data.name} {wanted}. Received: {got}")


def predict_logits(
    model: keras.Model,
    images: Split,
    data: Dataset,
    *,
    tta: bool = False,
    dtype: str | None = None,
) -> np.ndarray:
    """Logits `(n, classes)`, float32; with `tta` logarithms of the averaged probabilities.

    `dtype`: see `inference_copy`.
    """

    model = inference_copy(model, dtype)

    @tf.function(reduce_retracing=True)
    def forward(batch):
        batch = normalise(batch, data)
        logits = tf.cast(model(batch, training=False), tf.float32)
        if not tta:
            return logits
        mirrored = tf.cast(model(batch[:, :, ::-1], training=False), tf.float32)
        return tf.math.log((tf.nn.softmax(logits) + tf.nn.softmax(mirrored)) / 2 + 1e-30)

    batches = eval_batches(images, batch_size=EVAL_BATCH)
    return np.concatenate([forward(batch).numpy() for batch, _ in batches])


def normalise(images: tf.Tensor, data: Dataset) -> tf.Tensor:
    """(images / 255 - mean) / std, float32, for images (batch, height, width, 3) in 0..255."""
    shape = images.shape[1:]
    scale = 1 / (255 * np.asarray(data.std))
    offset = -np.asarray(data.mean) / np.asarray(data.std)
    # Image by image as one long row: broadcasting over an axis of 3 takes five times as long.
    rows = tf.reshape(tf.cast(images, tf.float32), (-1, shape.num_elements()))
    pixels = shape.num_elements() // 3
    rows = rows * np.tile(scale, pixels).astype(np.float32)
    rows = rows + np.tile(offset, pixels).astype(np.float32)
    return tf.reshape(rows, (-1, *shape))


def metrics(logits: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> dict:
    """Metrics of logits `(n, classes)` against class numbers `(n,)`; see `evaluate`."""
    n, classes = logits.shape
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    # Rank of the true class; ties count as wins of the lower class number, as argmax has it.
    true = logits[np.arange(n), labels][:, None]
    lower = np.arange(classes)[None, :] < labels[:, None]
    rank = ((logits > true) | ((logits == true) & lower)).sum(axis=1)
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


def summary_line(result: dict) -> str:
    return (
        f"{result['split']}: {result['n']} images  loss {result['loss']:.4f}  "
        f"top-1 {100 * result['top1']:.2f} %  top-5 {100 * result['top5']:.2f} %"
    )


def report(result: dict) -> str:
    """A result for the screen: totals, top-1 by class, confusion matrix; fractions in percent."""
    names = list(result["per_class"])
    width = max(10, *(len(name) for name in names))
    lines = [
        f"{result['model']} on {result['dataset']}, {summary_line(result)}  "
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
