"""The full state of a run, saved so that a kill at any moment loses nothing that was saved."""

import itertools
import json
import logging
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfresnet.atomic import remove_leftovers, replaced

_POSITION = "position.json"
_PLAIN = ("epoch", "step", "history", "logs")
logger = logging.getLogger("tfresnet")


@dataclass
class State:
    """Where a run is: `step` steps of `epoch` (both from 0) are done.

    `arrays` holds every variable of model, optimiser and running metrics by name, `history` one
    row for each finished epoch. `logs` are the epoch's training metrics once its last step is done:
    validation uses the same variables, so that they are not in `arrays` any more then.
    """

    epoch: int = 0
    step: int = 0
    history: list[dict] = field(default_factory=list)
    logs: dict[str, float] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def group(self, *names: str) -> dict[str, np.ndarray]:
        """The arrays whose names start with one of `names`: "model", "optimizer", "metrics"."""
        return {key: value for key, value in self.arrays.items() if key.split("/")[0] in names}


class Checkpoints:
    """The checkpoints of one run: one `.npz` file each, of which the newest `keep` stay.

    A file appears under its name only when it is complete and on the disk. Every array carries a
    CRC-32 (the zip format's own), which is verified on reading; reading never unpickles.
    """

    def __init__(self, folder: str | Path, keep: int = 3):
        self.folder = Path(folder)
        self.keep = keep
        self.last_save: float | None = None  # seconds it took

    def paths(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob("step-*.npz"))

    def save(self, state: State, global_step: int) -> Path:
        """Writes `state`; names sort by `global_step`, the steps since the start of the run."""
        began = time.monotonic()
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"step-{global_step:09d}.npz"
        position = {name: getattr(state, name) for name in _PLAIN} | {"arrays": [*state.arrays]}
        text = np.frombuffer(json.dumps(position).encode(), np.uint8)
        with replaced(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, **{_POSITION: text}, **state.arrays)
        for old in self.paths()[: -self.keep]:
            old.unlink()
        self.last_save = time.monotonic() - began
        return path

    def newest(self) -> State | None:
        """The newest state that is whole, or None; nobody else may be writing.

        Damaged files are named, passed over, and renamed to end in `.damaged`: under their own
        names they would count as the newest when old ones are deleted.
        """
        remove_leftovers(self.folder)
        for path in reversed(self.paths()):
            try:
                return read(path)
            except ValueError as error:
                logger.warning("passing over %s: %s", path, error)
                path.replace(f"{path}.damaged")
        return None


def read(path: str | Path) -> State:
    """The state in a checkpoint file.

    Raises:
        ValueError: the file is damaged; says how.
    """
    try:
        _check_archive(path)
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        position = json.loads(arrays.pop(_POSITION).tobytes())
        # The zip format's list of contents has no checksum: damage there can hide a part of it.
        if position["arrays"] != [*arrays]:
            raise ValueError("incomplete")
        return _checked(State(**{name: position[name] for name in _PLAIN}, arrays=arrays))
    except Exception as error:  # zipfile, NumPy and json raise whatever the damage leads to
        reason = str(error) or type(error).__name__
        raise ValueError(f"damaged checkpoint ({reason})") from error


def _check_archive(path):
    """The checksum of every member, also of bytes that NumPy would not look at."""
    with zipfile.ZipFile(path) as archive:
        # As `np.savez` writes it. Compressed, a small file could ask for all the memory.
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("compressed")
        if broken := archive.testzip():
            raise ValueError(f"wrong checksum of {broken}")


def _checked(state):
    counts = (state.epoch, state.step)
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(f"impossible position {counts}")
    if len(state.history) != state.epoch or not isinstance(state.logs, dict):
        raise ValueError(f"history of {len(state.history)} epochs at epoch {state.epoch}")
    return state


def all_variables(model) -> dict:
    """Every variable of a compiled Keras model that its next step depends on, by a unique name."""
    named = model_variables(model)
    named |= {f"optimizer/{variable.path}": variable for variable in model.optimizer.variables}
    expected = len(model.variables) + len(model.optimizer.variables)
    if len(named) != expected:
        raise ValueError(
            f"variables need paths of their own. Received: {expected - len(named)} twice"
        )
    return named | metric_variables(model)


def model_variables(model) -> dict:
    """Weights, moving statistics and the states of random layers."""
    named, seeds = {}, itertools.count()
    for variable in model.variables:
        # Keras numbers these through the whole process, not by model.
        is_seed = variable.path.endswith("seed_generator_state")
        path = f"seed_generator_state/{next(seeds)}" if is_seed else variable.path
        named[f"model/{path}"] = variable
    return named


def metric_variables(model) -> dict:
    """The running means of the current epoch."""
    return {
        f"metrics/{metric.name}/{index}/{variable.name}": variable
        for metric in model.metrics
        for index, variable in enumerate(metric.variables)
    }


def collect(variables: dict) -> dict[str, np.ndarray]:
    """Values of named variables, as `State.arrays` keeps them."""
    return {name: np.asarray(variable) for name, variable in variables.items()}


def not_finite(arrays: dict[str, np.ndarray]) -> str | None:
    """The name of the first array with a NaN or an infinity, if there is one."""
    floats = ((name, array) for name, array in arrays.items() if array.dtype.kind == "f")
    return next((name for name, array in floats if not np.isfinite(array).all()), None)


def restore(variables: dict, arrays: dict[str, np.ndarray]) -> None:
    """Puts saved values back.

    Raises:
        ValueError: the names or shapes are not those of `variables`.
    """
    ours = {name: tuple(variable.shape) for name, variable in variables.items()}
    saved = {name: array.shape for name, array in arrays.items()}
    if ours != saved:
        different = sorted(set(ours.items()) ^ set(saved.items()))[:3]
        raise ValueError(f"the checkpoint is of another model or optimiser: {different}")
    for name, variable in variables.items():
        variable.assign(arrays[name])
