"""Checks the files of a run folder, and says what can still be used."""

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.runs import checkpoints
from tfresnet.runs.events import read_records
from tfresnet.runs.folder import RunFolder, checksum
from tfresnet.runs.own_code import own_network
from tfresnet.runs.record import RunRecord
from tfresnet.runs.variables import model_variables
from tfresnet.settings.model_names import short_name

_METRICS = ("loss", "top1", "top5")


@dataclass
class Findings:
    """The report: `lines` of (sound, file, remark), and what can still be done with the run."""

    lines: list[tuple[bool, str, str]] = field(default_factory=list)
    usable: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return all(good for good, _, _ in self.lines)

    def check(self, what: str, look: Callable[..., tuple], *args):
        """Adds a line about `what`: `look(*args)` returns (content, remark), or raises. Returns the
        content, or None."""
        try:
            found, remark = look(*args)
        except (ValueError, OSError) as error:
            self.lines.append((False, what, str(error)))
        except (KeyError, TypeError) as error:
            self.lines.append((False, what, f"unreadable ({error!r})"))
        else:
            self.lines.append((True, what, remark))
            return found
        return None

    def __str__(self) -> str:
        lines = [f"{'ok ' if good else 'BAD'}  {what}: {text}" for good, what, text in self.lines]
        return "\n".join([*lines, *(f"usable: {what}" for what in self.usable or ["nothing"])])


def verify(path: str | Path, code: object = None, trust_code: bool = False) -> Findings:
    """Checks every file of a run against its checksums and against the other files. Reads only; a
    run that is training may look damaged between two writes. `own_network` says which code may run.
    Raises `InputError` without such a folder."""
    folder, report = RunFolder(path), Findings()
    if not folder.path.is_dir():
        raise InputError(f"RUN must be a run folder. Received: {path}")
    settings = report.check("config.json", _settings, folder)
    environment = folder.read_config()["environment"] if settings else {}
    if folder.code.exists() or "code_sha256" in environment:
        report.check("network.py", _code, folder, environment.get("code_sha256"))
    files, state = folder.checkpoints.paths(), None
    for file in files:
        state = report.check(f"checkpoints/{file.name}", _checkpoint, file) or state
    for file in folder.checkpoints.damaged():
        remark = "passed over by a --resume; delete it"
        report.lines.append((False, f"checkpoints/{file.name}", remark))
    saved = state.history if state else []
    rows = report.check("history.csv", _history, folder, saved) or []
    # A kill between the two writes leaves one row more than the checkpoint has.
    done = rows[: len(saved)] if state else rows
    for events, prefix in ((folder.train, ""), (folder.validation, "val_")):
        left_out = folder.result.exists() and not events.exists()
        if rows and f"{prefix}loss" in rows[0] and not left_out:
            report.check(f"{events.name}/ (events)", _events, folder, events, prefix, done)
    final = state if len(saved) == len(rows) else None
    has_model = folder.model.exists()
    own = own_network(RunRecord(path), code, trust_code) if settings else None
    model = has_model and report.check("model.keras", _model, folder.model, settings, final, own)
    if folder.best.exists():
        report.check("best.keras", _model, folder.best, settings, None, own)
    result = report.check("result.json", _result, folder, settings)
    if result:
        report.check("files of the finished run", _finished, folder)
    shown = shlex.quote(str(folder.path))
    if settings and (state or not (files or rows or result)):
        report.usable.append(f"go on with: python train.py --resume {shown}")
    if result and not (files or has_model):
        report.usable.append("the figures; the run is finished and its model was left out")
    if settings and model:
        report.usable.append(f"the final model: python evaluate.py {shown}")
    return report


def _settings(folder):
    settings = folder.read_config()["settings"]
    return settings, f"{settings['model']} on {settings['dataset']}"


def _code(folder, wanted):
    """The code of the run's own network; runs of earlier versions have no checksum of it."""
    code = folder.code.read_text(encoding="utf-8")
    if wanted and checksum(code) != wanted:
        raise ValueError("differs from the code that the run began with")
    return code, f"{len(code.splitlines())} lines" + ("" if wanted else ", without a checksum")


def _checkpoint(file):
    state = checkpoints.read(file)
    if broken := checkpoints.first_not_finite(state.without_callbacks()):
        raise ValueError(f"{broken} is not finite")
    return state, f"step {state.step}, {len(state.history)} epochs"


def _history(folder, saved):
    """The rows of history.csv, which must begin with those of the newest checkpoint."""
    if not folder.history.exists() and not saved:
        return [], "not there: no epoch is finished"
    rows = folder.read_history()
    if repr(rows[: len(saved)]) != repr(saved):  # as text, in which NaN equals NaN
        raise ValueError("differs from the newest checkpoint")
    return rows, f"{len(rows)} epochs"


def _events(folder, events, prefix, rows):
    """Compares the charts by epoch with the rows. A killed run may end in half a record."""
    points = {}
    for path, record in read_records(events):
        if record is None and folder.result.exists():
            raise ValueError(f"{path.name} has a damaged record")
        event = tf.compat.v1.Event.FromString(record or b"")
        for value in event.summary.value:
            if value.tag in _METRICS:
                array = np.float32(tf.make_ndarray(value.tensor))
                points.setdefault((event.step, value.tag), []).append(array)
    for row in rows:
        for metric in _METRICS:
            wanted = np.float32(row[prefix + metric])
            if points.get((row["step"], metric)) != [wanted] and not math.isnan(wanted):
                raise ValueError(f"{metric} of epoch {row['epoch']} differs from history.csv")
    return points, f"{len(points)} points agree with history.csv"


def _model(file, settings, state, own):
    """A model of the run. If `state` is the last checkpoint, its weights must be equal."""
    model = models.load_model(file, own and own.custom_objects())
    if settings and model.name != short_name(settings["model"]):
        raise ValueError(f"is a {model.name}, config.json says {settings['model']}")
    for name, variable in model_variables(model, state.model_group()).items() if state else ():
        if "seed_generator_state" in name:  # a model file does not store the seeds of dropout
            continue
        if not np.array_equal(state.arrays.get(name), np.asarray(variable)):
            raise ValueError(f"{name} differs from the newest checkpoint")
    return model, f"{model.count_params():,} numbers"


def _result(folder, settings):
    if not folder.result.exists():
        return None, "not there: the run is not finished"
    result, _ = folder.check_result()
    counts = np.asarray(result["confusion"])
    top1 = counts.diagonal().sum() / counts.sum()
    if counts.sum() != result["n"] or not np.isclose(top1, result["top1"]):
        raise ValueError("top1, n and confusion contradict each other")
    if settings and result.get("model") != settings["model"]:
        raise ValueError(f"is of {result.get('model')}, config.json says {settings['model']}")
    return result, f"top-1 {100 * top1:.2f} % of {counts.sum()} images"


def _finished(folder):
    """What was written before result.json must be as it was then. Some of it may be left out."""
    _, then = folder.check_result()
    now = {name: found for name, found in folder.checksums().items() if name in then}
    for name, found in now.items():
        if found != then[name]:
            raise ValueError(f"{name} is not what it was at the end of the run")
    return now, f"{len(now)} of {len(then)} are there, as they were at its end"
