"""What the test at the end of a run shows."""

import json

import keras
import numpy as np
import tensorflow as tf

from tfresnet.data.dataset import Dataset
from tfresnet.training.config import TrainConfig
from tfresnet.training.run_folder import RunFolder
from tfresnet.training.tensorboard.event_files import Writers, remove_events
from tfresnet.training.tensorboard.hparams import write_session_end, write_session_start
from tfresnet.training.tensorboard.pr_curves import write_pr_curves
from tfresnet.training.tensorboard.projector import IMAGES, features_and_logits, write_projector
from tfresnet.training.tensorboard.validation import softmax


def write_test(
    folder: RunFolder,
    network: keras.Model,
    config: TrainConfig,
    dataset: Dataset,
    history: list[dict],
    result: dict,
) -> None:
    """Writes `test/` anew: the result, the settings that led to it, curves and projector.

    Args:
        network: the final network, with logits as its output.
        history: rows of all epochs.
        result: of `evaluate_model` on the test images.
    """
    step = history[-1]["step"]
    environment = json.loads(folder.config.read_text(encoding="utf-8"))["environment"]
    remove_events(folder.path / "test")
    writers = Writers(folder.path)
    images = dataset.test.take(np.arange(min(IMAGES, len(dataset.test))))
    with writers.at("test", step):
        write_session_start(folder, config, environment, network)
        for metric in ("loss", "top1", "top5"):
            tf.summary.scalar(metric, result[metric])
        tf.summary.scalar("error", 100 * (1 - result["top1"]), description="100 - top-1, %")
        for name, value in _final_metrics(history[-1]).items():
            tf.summary.scalar(f"final/{name}", value, description="after the last epoch")
        features, logits = features_and_logits(network, images, dataset)
        write_pr_curves(softmax(logits), images.labels, dataset.class_names, step)
        write_session_end()
    writers.close()
    write_projector(folder.path / "test", features, logits, images, dataset.class_names)


def _final_metrics(row):
    """The last row of the history, for comparison with the test."""
    kept = ("loss", "top1", "val_loss", "val_top1")
    named = {name.replace("val_", "validation_"): row[name] for name in kept if name in row}
    return {k if "validation" in k else f"train_{k}": v for k, v in named.items()}
