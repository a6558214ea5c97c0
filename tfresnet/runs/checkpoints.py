"""The full state of a run, saved so that a kill at any moment loses nothing that was saved.

One file of our own instead of `tf.train.CheckpointManager`: it is written under another name and
renamed when it is on the disk, every array has a checksum, and `numpy.load` opens it anywhere.
TensorFlow's are three files without a common end, of which a kill can leave two.
"""

import io
import json
import logging
import time
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from tfresnet.errors import InputError
from tfresnet.system.atomic import replaced

_POSITION = "position.json"
logger = logging.getLogger("tfresnet")


@dataclass
class State:
    """All that the next step of a run depends on.

    step: training steps done since the start of the run, its only position.
    sums: what the steps of the begun epoch measured, added up.
    history: a row for each finished epoch.
    stopped: whether the training is to end before its last epoch.
    ended: whether the training is over and its hooks have been told, so that only the test is left.
    seconds: of training in each epoch, the present one last. A repeated run has other times.
    replicas: how many have shared each batch. The rounding depends on it.
    arrays: every variable of model and optimiser, by a unique name.
    """

    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    stopped: bool = False
    ended: bool = False
    seconds: list[float] = field(default_factory=lambda: [0.0])
    replicas: int = 1
    arrays: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def group(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of "model", "optimizer" or "average" (of the model's weights)."""
        return {key: value for key, value in self.arrays.items() if key.startswith(f"{name}/")}


class DamagedError(ValueError):
    """A checkpoint file whose content is not what was written."""


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

    def damaged(self) -> list[Path]:
        """What `newest` has passed over."""
        return sorted(self.folder.glob("*.damaged"))

    def save(self, state: State) -> Path:
        """Writes `state`; names sort by its step."""
        began = time.monotonic()
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"step-{state.step:09d}.npz"
        text = json.dumps(vars(state) | {"arrays": [*state.arrays]})
        content = {_POSITION: np.frombuffer(text.encode(), np.uint8)} | state.arrays
        with replaced(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, **content)
        for old in self.paths()[: -self.keep]:
            old.unlink()
        self.last_save = time.monotonic() - began
        return path

    def newest(self, set_aside: bool = False) -> State | None:
        """The newest state that is whole; None before the first. Damaged files are named.

        Args:
            set_aside: rename damaged files to end in `.damaged` (nobody else may be writing):
                under their own names they would count as the newest when old ones are deleted.

        Raises:
            InputError: all are damaged, or they are of an earlier version of the program.
            OSError: the system could not read one, which says nothing about its content.
        """
        damaged = self.damaged()
        for path in reversed(self.paths()):
            try:
                return read(path)
            except DamagedError as error:
                logger.warning("passing over %s: %s", path, error)
                damaged.append(path.replace(f"{path}.damaged") if set_aside else path)
        if damaged:
            raise InputError(
                "a run needs one whole checkpoint to be continued, and all are damaged (begin a "
                f"new run). Received: {damaged[-1]}"
            )
        return None


def read(path: str | Path) -> State:
    """The state in a checkpoint file.

    Raises:
        DamagedError: the file is damaged; says how.
        InputError: it is of an earlier version of the program.
        OSError, MemoryError: of the system.
    """
    # All of it first: from here on no error is the system's, whatever the damage leads to.
    content = Path(path).read_bytes()
    try:
        arrays, position = _parsed(content)
        if "epoch" not in position:
            return _checked(State(**position, arrays=arrays))
    except MemoryError:
        raise
    except Exception as error:  # zipfile, NumPy and json raise nearly every type there is
        raise DamagedError(f"damaged checkpoint ({str(error) or repr(error)})") from error
    raise InputError(
        "a run can be continued by the version of the program that made it; this one is of a "
        f"version that counted its steps by epoch. Received: {path}"
    )


def _parsed(content):
    """The checksum of every member, also of bytes that NumPy would not look at; then the arrays."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        # As `np.savez` writes it. Compressed, a small file could ask for all the memory.
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("compressed")
        if broken := archive.testzip():
            raise ValueError(f"wrong checksum of {broken}")
    with np.load(io.BytesIO(content), allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    position = json.loads(arrays.pop(_POSITION).tobytes())
    # The zip format's list of contents has no checksum: damage there can hide a part of it.
    if position.pop("arrays") != [*arrays]:
        raise ValueError("incomplete")
    return arrays, position


def _checked(state):
    for item in fields(State):
        numbers = {"step": int, "replicas": int, "stopped": bool, "ended": bool}
        expected = (numbers | {"history": list, "seconds": list}).get(item.name, dict)
        if type(getattr(state, item.name)) is not expected:
            raise ValueError(f"impossible {item.name} {getattr(state, item.name)!r}")
    if state.step < max([0, *(row["step"] for row in state.history)]):
        raise ValueError(f"step {state.step} after a history of {len(state.history)} epochs")
    return state


def not_finite(arrays: dict[str, np.ndarray]) -> str | None:
    """The name of the first array with a NaN or an infinity, if there is one."""
    floats = ((name, array) for name, array in arrays.items() if array.dtype.kind == "f")
    return next((name for name, array in floats if not np.isfinite(array).all()), None)
