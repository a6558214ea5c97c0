"""Checks a run folder and says what can still be used."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfresnet.errors import InputError
from tfresnet.training import checkpoints
from tfresnet.training.config import TrainConfig
from tfresnet.training.run_folder import RunFolder

_CHARTS = {"train": "", "validation": "val_"}  # folder of events -> prefix in history.csv
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
    folder = RunFolder(path)
    if not folder.path.is_dir():
        raise InputError(f"RUN must be a run folder. Received: {path}")
    report = Report()
    config = _settings(folder, report)
    state = _checkpoints(folder, config, report)
    _history(folder, state, report)
    model_is_good = _model(folder, config, state, report)
    _result(folder, config, report)
    if config and (state or not folder.checkpoints.paths()):
        report.usable.append(f"{folder.how_to_go_on()[:1].lower()}{folder.how_to_go_on()[1:]}")
    if config and model_is_good:
        report.usable.append(f"the final model: python evaluate.py {folder.path}")
    return report


def _settings(folder, report):
    try:
        config = TrainConfig.from_run(folder.path).resolved()
    except InputError as error:
        report.add("config.json", str(error))
        return None
    report.add("config.json", None, f"{config.model} on {config.dataset}, {config.epochs} epochs")
    return config


def _checkpoints(folder, config, report):
    """The newest good state."""
    newest = None
    for path in folder.checkpoints.paths():
        what = f"checkpoints/{path.name}"
        try:
            state = checkpoints.read(path)
        except ValueError as error:
            report.add(what, str(error))
            continue
        problem = checkpoints.not_finite(state.arrays)
        if problem:
            problem = f"{problem} is not finite"
        elif config and state.epoch > config.epochs:
            problem = f"epoch {state.epoch} of {config.epochs}"
        if report.add(what, problem, f"{state.epoch} epochs and {state.step} steps"):
            newest = state
    for path in sorted(folder.checkpoints.folder.glob("*.damaged")):
        report.add(f"checkpoints/{path.name}", "passed over by an earlier --resume; delete it")
    return newest


def _history(folder, state, report):
    if not folder.history.exists() and not (state and state.history):
        return
    try:
        rows = folder.read_history()
    except ValueError as error:
        report.add("history.csv", f"unreadable ({error})")
        return
    problem = None
    if state:
        # A kill between the two leaves one row more than the checkpoint knows.
        common = min(len(rows), len(state.history))
        same = [_numbers(row) for row in rows[:common]]
        if len(rows) < len(state.history) or same != [_numbers(r) for r in state.history[:common]]:
            problem = "differs from the newest checkpoint"
    report.add("history.csv", problem, f"{len(rows)} epochs")
    for part, prefix in _CHARTS.items():
        if prefix == "" or (rows and "val_loss" in rows[0]):
            _events(folder, part, prefix, rows, state, report)


def _numbers(row):
    return {k: "nan" if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}


def _events(folder, part, prefix, rows, state, report):
    """The charts by epoch against the rows; the file of a killed run may end in half a record."""
    points, torn = _points(folder.path / part)
    done = len(state.history) if state else len(rows)
    different = [
        f"{metric} of epoch {row['epoch']}"
        for row in rows[:done]
        for metric in _METRICS
        if points.get((row["step"], metric)) != [np.float32(row[prefix + metric])]
        and not math.isnan(row[prefix + metric])
    ]
    problem = f"{different[0]} differs from history.csv" if different else None
    if torn and folder.result.exists():
        problem = f"{torn} has a damaged record"
    report.add(f"{part}/ (events)", problem, f"{len(points)} points agree with history.csv")


def _points(folder):
    """({(step, tag): values}, the file in which a record is damaged or None)."""
    import tensorflow as tf

    points, torn = {}, None
    for path in sorted(folder.glob("events.out.tfevents.*")):
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                for value in event.summary.value:
                    if value.tag in _METRICS:
                        array = tf.make_ndarray(value.tensor)
                        points.setdefault((event.step, value.tag), []).append(np.float32(array))
        except tf.errors.DataLossError:
            torn = path.name
    return points, torn


def _model(folder, config, state, report):
    if not folder.model.exists():
        return False
    from tfresnet import models

    try:
        model = models.load_model(folder.model)
    except InputError as error:
        return report.add("model.keras", str(error))
    problem = None
    if config and model.name != config.model:
        problem = f"is a {model.name}, config.json says {config.model}"
    elif state and config and state.epoch == config.epochs:
        saved = state.group("model")
        for name, variable in checkpoints.model_variables(model).items():
            if not np.array_equal(saved.get(name), np.asarray(variable)):
                problem = f"{name} differs from the newest checkpoint"
    return report.add("model.keras", problem, f"{model.count_params():,} numbers")


def _result(folder, config, report):
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
    if config and result.get("model") != config.model:
        problem = f"is of {result.get('model')}, config.json says {config.model}"
    report.add("result.json", problem, f"top-1 {100 * top1:.2f} % of {counts.sum()} images")
