"""What the test at the end of a run shows."""

import numpy as np
import tensorflow as tf

from tfresnet.evaluation import Evaluation
from tfresnet.runs.events import remove_events
from tfresnet.training.run import Run
from tfresnet.training.tensorboard.hparams import write_session_end, write_session_start
from tfresnet.training.tensorboard.projector import IMAGES, features_of, write_projector
from tfresnet.training.tensorboard.writers import Writers, write_metrics, write_pr_curves


def write_test(run: Run, evaluation: Evaluation) -> None:
    """Writes `test/` anew: the result, the settings that led to it, curves and projector."""
    step, folder = run.history[-1]["step"], run.folder
    environment = folder.read_config()["environment"]
    names, test = run.dataset.class_names, run.dataset.test
    remove_events(folder.test)
    writers = Writers(folder.path)
    with writers.at("test", step):
        write_session_start(folder, run.config, environment, run.model)
        write_metrics(evaluation.metrics)
        for name, value in _final_metrics(run.history[-1]).items():
            tf.summary.scalar(f"final/{name}", value, description="after the last epoch")
        write_pr_curves(evaluation, test.labels, names, step)
        write_session_end()
    writers.close()
    images = test.take(np.arange(min(IMAGES, len(test))))
    answers = evaluation.logits[: len(images)].argmax(axis=1)
    write_projector(folder, features_of(run.model, images), answers, images, names)


def _final_metrics(row):
    """The last row of the history, for comparison with the test."""
    kept = ("loss", "top1", "val_loss", "val_top1")
    named = {name.replace("val_", "validation_"): row[name] for name in kept if name in row}
    return {k if "validation" in k else f"train_{k}": v for k, v in named.items()}
