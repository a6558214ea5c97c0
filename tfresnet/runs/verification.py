"""Checks a run folder and says what can still be used."""

import math
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.runs import checkpoints
from tfresnet.runs.checkpoints import State
from tfresnet.runs.events import records
from tfresnet.runs.folder import RunFolder
from tfresnet.runs.variables import model_variables

_METRICS = ("loss", "top1", "top5")


@dataclass
class Report:
    """What was found: `lines` (good, what, remark), and what can still be done with the run."""

    lines: list[tuple[bool, str, str]] = field(default_factory=list)
    usable: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return all(good for good, _, _ in self.lines)

    def add(self, what: str, problem: str | None, remark: str = "") -> bool:
        self.lines.append((problem is None, what, problem or remark))
        return problem is None

    def __str__(self) -> str:
        lines = [f"{'ok ' if good else 'BAD'}  {what}: {text}" for good, what, text in self.lines]
        return "\n".join([*lines, *(f"usable: {what}" for what in self.usable or ["nothing"])])


def verify(path: str | Path) -> Report:
    """Checks everything in a run folder against its checksums and against each other.

    Reads only; a run that is being trained may be caught between two of its files.

    Raises:
        InputError: no such folder.
    """
    folder, report = RunFolder(path), Report()
    if not folder.path.is_dir():
        raise InputError(f"RUN must be a run folder. Received: {path}")
    settings = _settings(folder, report)
    state = _newest_checkpoint(folder, report)
    rows = _history(folder, state, report)
    is_final = state is not None and len(state.history) == len(rows)
    model_is_good = _model(folder, settings, state if is_final else None, report)
    _result(folder, settings, report)
    shown = shlex.quote(str(folder.path))
    if settings and (state or not folder.checkpoints.paths()):
        report.usable.append(f"go on with: python train.py --resume {shown}")
    if settings and model_is_good:
        report.usable.append(f"the final model: python evaluate.py {shown}")
    return report


def _settings(folder, report):
    try:
        settings = folder.read_config()["settings"]
        report.add("config.json", None, f"{settings['model']} on {settings['dataset']}")
        return settings
    except (InputError, KeyError) as error:
        report.add("config.json", str(error))
        return None


def _newest_checkpoint(folder, report) -> State | None:
    newest = None
    for path in folder.checkpoints.paths():
        what = f"checkpoints/{path.name}"
        try:
            state = checkpoints.read(path)
        except (ValueError, OSError) as error:
            report.add(what, str(error))
            continue
        broken = checkpoints.not_finite(state.arrays)
        problem = f"{broken} is not finite" if broken else None
        if report.add(what, problem, f"step {state.step}, {len(state.history)} epochs"):
            newest = state
    for path in folder.checkpoints.damaged():
        report.add(f"checkpoints/{path.name}", "passed over by an earlier --resume; delete it")
    return newest


def _history(folder, state, report):
    """The rows of history.csv, which the checkpoint and the charts by epoch must have too."""
    saved = state.history if state else []
    if not folder.history.exists() and not saved:
        return []
    try:
        rows = folder.read_history()
    except ValueError as error:
        report.add("history.csv", f"unreadable ({error})")
        return []
    # A kill between the two leaves one row more than the checkpoint knows.
    same = [*map(_numbers, rows[: len(saved)])] == [*map(_numbers, saved)]
    problem = None if same else "differs from the newest checkpoint"
    report.add("history.csv", problem, f"{len(rows)} epochs")
    done = rows[: len(saved)] if state else rows
    _events(folder, folder.train, "", done, report)
    if rows and "val_loss" in rows[0]:
        _events(folder, folder.validation, "val_", done, report)
    return rows


def _numbers(row):
    return {k: "nan" if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}


def _events(folder, events, prefix, rows, report):
    """The charts by epoch against the rows; the file of a killed run may end in half a record."""
    points, torn = {}, None
    for path, record in records(events):
        torn = torn or (path.name if record is None else None)
        event = tf.compat.v1.Event.FromString(record or b"")
        for value in event.summary.value:
            if value.tag in _METRICS:
                array = np.float32(tf.make_ndarray(value.tensor))
                points.setdefault((event.step, value.tag), []).append(array)
    different = [
        f"{metric} of epoch {row['epoch']} differs from history.csv"
        for row in rows
        for metric in _METRICS
        if points.get((row["step"], metric)) != [np.float32(row[prefix + metric])]
        and not math.isnan(row[prefix + metric])
    ]
    if torn and folder.result.exists():
        different = [f"{torn} has a damaged record"]
    problem = different[0] if different else None
    report.add(f"{events.name}/ (events)", problem, f"{len(points)} points agree with history.csv")


def _model(folder, settings, state, report):
    if not folder.model.exists():
        return False
    try:
        model = models.load_model(folder.model)
    except InputError as error:
        return report.add("model.keras", str(error))
    problem = None
    if settings and model.name != settings["model"]:
        problem = f"is a {model.name}, config.json says {settings['model']}"
    elif state:
        for name, variable in model_variables(model).items():
            if not np.array_equal(state.arrays.get(name), np.asarray(variable)):
                problem = f"{name} differs from the newest checkpoint"
    return report.add("model.keras", problem, f"{model.count_params():,} numbers")


def _result(folder, settings, report):
    if not folder.result.exists():
        report.add("result.json", None, "not there: the run is not finished")
        return
    result = folder.read_result()
    try:
        counts = np.asarray(result["confusion"])
        top1 = counts.diagonal().sum() / counts.sum()
        good = counts.sum() == result["n"] and np.isclose(top1, result["top1"])
    except (TypeError, KeyError, ValueError):
        report.add("result.json", "unreadable")
        return
    problem = None if good else "top1, n and confusion contradict each other"
    if settings and result.get("model") != settings["model"]:
        problem = f"is of {result.get('model')}, config.json says {settings['model']}"
    report.add("result.json", problem, f"top-1 {100 * top1:.2f} % of {counts.sum()} images")
