"""Precision against recall, a curve for each class against all others."""

import numpy as np

from tfresnet.training.tensorboard.event_files import write_pb
from tfresnet.training.tensorboard.schedule import MOST_CLASSES


def write_pr_curves(probabilities: np.ndarray, labels: np.ndarray, names, step: int) -> None:
    """Writes the curves of probabilities `(n, classes)` with the current writer."""
    from tensorboard.plugins.pr_curve import summary

    if len(names) > MOST_CLASSES:
        return
    for number, name in enumerate(names):
        curve = summary.pb(
            f"classes/{name}", labels == number, probabilities[:, number], num_thresholds=101
        )
        write_pb(curve, step)
