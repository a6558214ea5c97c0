"""What a run has written about its steps, value by value, for the comparison with another."""

import json
from collections.abc import Iterable
from contextlib import suppress

import numpy as np
import tensorflow as tf

from tfresnet.runs.checkpoints import State
from tfresnet.runs.events import read_records
from tfresnet.runs.record import RunRecord
from tfresnet.runs.variables import model_variables

TOLERANCE = 0.1  # of losses and accuracies, relative plus absolute
_MEASURES = ("loss", "top1", "top5", "loss_parts/data")
_OF_TIME = ("images_per_second", "time/", "memory/")
_RESULTS_OF_TIME = ("epoch_seconds", "seconds_to", "other_work")

Evidence = dict[tuple[int, str], np.ndarray]
"""Values by step and name, such as `(40, "train/, loss")`; none is a time."""


def evidence(run: RunRecord, states: Iterable[State], end: int | None = None) -> Evidence:
    """The charts and history of `run`, and the content of `states`. With `end`, the last step of
    the training, also its model and result. Damaged files are left out."""
    found = _charts(run.folder.train) | _charts(run.folder.validation)
    with suppress(ValueError):
        for row in run.folder.read_history():
            found |= {(row["step"], f"history.csv, {k}"): np.array(v) for k, v in row.items()}
    for state in states:
        position = {k: v for k, v in vars(state).items() if k not in ("seconds", "arrays")}
        file = f"checkpoints/step-{state.step:09d}.npz"
        found[state.step, f"{file}, position"] = _packed(json.dumps(position).encode())
        found |= {(state.step, f"{file}, {name}"): a for name, a in state.arrays.items()}
    if end is not None:
        for name, value in (run.result or {}).items():
            if name not in _RESULTS_OF_TIME:
                is_number = isinstance(value, int | float)
                content = np.array(value) if is_number else _packed(json.dumps(value).encode())
                found[end, f"result.json, {name}"] = content
        with suppress(ValueError):
            for name, value in model_variables(run.model).items():
                if "seed_generator_state" not in name:  # of dropout; a model file stores none
                    found[end, f"model.keras, {name}"] = np.asarray(value)
    return found


def compare(theirs: Evidence, ours: Evidence, exact: bool) -> tuple[bool, str]:
    """Returns (whether all of `theirs` is in `ours`, what was compared or differs first). Bit for
    bit if `exact`; else losses and accuracies within `TOLERANCE`: other rounding soon makes other
    weights of the same quality."""
    keys = [k for k in sorted(theirs) if exact or k[1].rpartition(", ")[2].endswith(_MEASURES)]
    differ = [k for k in keys if k not in ours or not _agree(theirs[k], ours[k], exact)]
    how = "bit for bit" if exact else f"losses and accuracies, within {TOLERANCE} + {TOLERANCE:.0%}"
    if not keys:
        return False, "the folder keeps nothing of them to compare with"
    if not differ:
        return True, f"{len(keys):,} values agree ({how})"
    step, name = differ[0]
    found = "not computed" if differ[0] not in ours else _shown(theirs[differ[0]], ours[differ[0]])
    text = f"{len(differ):,} of {len(keys):,} values differ ({how}), first that of step {step}"
    return False, f"{text}: {name} ({found})"


def _charts(folder):
    found = {}
    for _, record in read_records(folder):
        event = tf.compat.v1.Event.FromString(record or b"")
        for value in event.summary.value:
            if not value.tag.startswith(_OF_TIME):
                content = tf.make_ndarray(value.tensor)
                if content.dtype == object:  # text or pictures
                    content = _packed(value.tensor.SerializeToString())
                found[event.step, f"{folder.name}/, {value.tag}"] = content
    return found


def _packed(content):
    return np.frombuffer(content, np.uint8)


def _agree(a, b, exact):
    if exact:
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return np.allclose(a, b, TOLERANCE, TOLERANCE, equal_nan=True)


def _shown(a, b):
    return f"{a} there, {b} computed" if a.ndim == 0 else f"{np.size(a):,} numbers"
