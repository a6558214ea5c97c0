"""The full state of a run, saved so that a kill at any moment loses nothing that was saved."""

import json
import logging
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfresnet.atomic import remove_leftovers, replaced

_POSITION = "position.json"
logger = logging.getLogger("tfresnet")


@dataclass
class State:
    """Where a run is: `step` steps of `epoch` (both from 0) are done.

    `arrays` holds every variable of model, optimiser and running metrics by name, `history` one
    row for each finished epoch.
    """

    epoch: int = 0
    step: int = 0
    history: list[dict] = field(default_factory=list)
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

    def paths(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob("step-*.npz"))

    def save(self, state: State, global_step: int) -> Path:
        """Writes `state`; names sort by `global_step`, the steps since the start of the run."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"step-{global_step:09d}.npz"
        position = {"epoch": state.epoch, "step": state.step, "history": state.history}
        text = np.frombuffer(json.dumps(position).encode(), np.uint8)
        with replaced(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, **{_POSITION: text}, **state.arrays)
        for old in self.paths()[: -self.keep]:
            old.unlink()
        return path

    def newest(self) -> State | None:
        """The newest state that is whole, or None; damaged files are named and passed over."""
        remove_leftovers(self.folder)
        for path in reversed(self.paths()):
            try:
                return read(path)
            except ValueError as error:
                logger.warning("passing over %s: %s", path, error)
        return None


def read(path: str | Path) -> State:
    """The state in a checkpoint file.

    Raises:
        ValueError: the file is damaged; says how.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        position = json.loads(arrays.pop(_POSITION).tobytes())
        return State(position["epoch"], position["step"], position["history"], arrays)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"damaged checkpoint ({reason})") from error


def collect(variables: dict) -> dict[str, np.ndarray]:
    """Values of named variables, as `State.arrays` keeps them."""
    return {name: np.asarray(variable) for name, variable in variables.items()}


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
