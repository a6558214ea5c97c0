"""A training that has ended."""

import dataclasses
import itertools
from pathlib import Path

import keras

from tfresnet import models
from tfresnet.runs.checkpoints import State
from tfresnet.runs.folder import RunFolder

MILESTONES = (90, 93, 94)  # percent of validation images


@dataclasses.dataclass
class FinishedRun:
    """What there is to know of a run that has ended: folder, history, model and test result."""

    path: Path
    history: list[dict] = dataclasses.field(repr=False)
    model: keras.Model = dataclasses.field(repr=False)
    result: dict = dataclasses.field(repr=False)

    @classmethod
    def read(cls, path: str | Path) -> "FinishedRun | None":
        """The run in a folder that has nothing left to do, which is not touched; else None."""
        folder = RunFolder(path)
        result = folder.read_result()
        try:
            model = result and models.load_model(folder.model)
            return model and cls(folder.path, folder.read_history(), model, result)
        except ValueError:  # damaged since: made again from the last checkpoint
            return None


def times(state: State) -> dict:
    """`epoch_seconds`, what each epoch's training (steps and data) took, and `seconds_to`: how many
    there were when validation reached 90, 93 and 94 %, or None."""
    seconds = state.seconds[: len(state.history)]
    totals = list(itertools.accumulate(seconds))

    def first(percent):
        reached = (row.get("val_top1", 0.0) >= percent / 100 for row in state.history)
        return next(itertools.compress(totals, reached), None)

    seconds_to = {str(percent): first(percent) for percent in MILESTONES}
    return {"epoch_seconds": seconds, "seconds_to": seconds_to}
