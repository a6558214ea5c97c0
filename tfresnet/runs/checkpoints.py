"""Checkpoints: the full state of a run, so that a kill at any moment loses nothing saved.

A `tf.train.CheckpointManager` writes three files, which a kill can leave incomplete. This is one
file, flushed and then renamed, with a checksum for every array; `numpy.load` opens it anywhere.
"""

import io
import json
import logging
import math
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfresnet.errors import InputError
from tfresnet.system.atomic import atomic_write, flush

_POSITION = "position.json"
_TYPES = {"step": int, "replicas": int, "stopped": bool, "ended": bool}
_TYPES |= {"history": list, "seconds": list, "sums": dict, "callbacks": dict, "arrays": dict}
logger = logging.getLogger("tfresnet")


@dataclass
class State:
    """Everything that the next step of a run depends on.

    step: training steps since the start of the run, its only position.
    sums: sums of what the steps of the current epoch measured.
    history: a row for each finished epoch.
    stopped: the training ends before its last epoch.
    ended: the training is over and its hooks know; only the test is left.
    seconds: training time of each epoch, the current one last. A repeated run has other times.
    replicas: how many share each batch, which decides the rounding.
    callbacks: what the user's Keras callbacks remember; see `training/callback_state.py`.
    arrays: every variable of model and optimiser, by a unique name, and those of `callbacks`.
    """

    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    stopped: bool = False
    ended: bool = False
    seconds: list[float] = field(default_factory=lambda: [0.0])
    replicas: int = 1
    callbacks: dict[str, object] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def group(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of "model", "optimizer" or "average" (the averaged weights)."""
        return {key: value for key, value in self.arrays.items() if key.startswith(f"{name}/")}

    def without_callbacks(self) -> dict[str, np.ndarray]:
        """The arrays of the network that learns."""
        return {n: self.arrays[n] for n in self.arrays if not n.startswith("callbacks/")}

    def model_group(self) -> str:
        """The group that is evaluated and saved as the model."""
        return "average" if self.group("average") else "model"


class DamagedError(ValueError):
    """The content of a checkpoint file is not what was written."""


class Checkpoints:
    """The checkpoints of a run: `.npz` files, of which the newest `keep` stay.

    A file appears under its name only when it is complete and on the disk. Reading verifies the
    CRC-32 of every array and never unpickles.
    """

    def __init__(self, folder: str | Path, keep: int = 3):
        self.folder = Path(folder)
        self.keep = keep
        self.last_save: float | None = None  # duration in seconds

    def paths(self) -> list[Path]:
        """All checkpoints, oldest first."""
        return sorted(self.folder.glob("step-*.npz"))

    def damaged(self) -> list[Path]:
        """The files that `newest` has set aside."""
        return sorted(self.folder.glob("*.damaged"))

    def save(self, state: State) -> Path:
        """Writes `state` to a file named after its step, and deletes old checkpoints."""
        began = time.monotonic()
        self.folder.mkdir(exist_ok=True)
        flush(self.folder.parent)  # or a power cut would take the folder with all that is in it
        path = self.folder / f"step-{state.step:09d}.npz"
        text = json.dumps(vars(state) | {"arrays": [*state.arrays]})
        content = {_POSITION: np.frombuffer(text.encode(), np.uint8)} | state.arrays
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, **content)
        for old in self.paths()[: -self.keep]:
            old.unlink()
        self.last_save = time.monotonic() - began
        return path

    def newest(self, set_aside: bool = False) -> State | None:
        """Reads the newest undamaged checkpoint; warns of damaged ones. None without any. With
        `set_aside`, damaged files are renamed to `.damaged`, so that `save` does not keep them as
        the newest. Raises `InputError` if all are damaged, `OSError` if one cannot be read."""
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
    """Reads a checkpoint file. Raises `DamagedError`, `InputError` for one of an earlier version,
    or an error of the system."""
    # Read everything first: after this line no error comes from the system.
    content = Path(path).read_bytes()
    try:
        arrays, position = _parse(content)
        if "epoch" not in position:
            return _check(State(**position, arrays=arrays))
    except MemoryError:
        raise
    except Exception as error:  # zipfile, NumPy and json raise nearly every type there is
        raise DamagedError(f"damaged checkpoint ({str(error) or repr(error)})") from error
    raise InputError(
        "a run can be continued by the version of the program that made it; this one is of a "
        f"version that counted its steps by epoch. Received: {path}"
    )


def _parse(content):
    """Verifies all checksums, also of bytes that NumPy would skip; returns (arrays, position)."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        # `np.savez` does not compress. A small compressed file could fill the memory.
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("compressed")
        if sum(max(m.file_size, m.compress_size) for m in members) > len(content):
            raise ValueError("members that take more than the file")
        for member in members:
            with archive.open(member) as file:
                _check_claim(file, member.file_size)
        if broken := archive.testzip():
            raise ValueError(f"wrong checksum of {broken}")
    with np.load(io.BytesIO(content), allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    position = json.loads(arrays.pop(_POSITION).tobytes())
    # The directory of a zip file has no checksum: damage there can hide members.
    if position.pop("arrays") != [*arrays]:
        raise ValueError("incomplete")
    return arrays, position


def _check_claim(file, size):
    """NumPy takes memory for the shape that a header states before it reads the numbers."""
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"an array of shape {shape} in {size} bytes")


def _check(state):
    for name, value in vars(state).items():
        if type(value) is not _TYPES[name]:
            raise ValueError(f"impossible {name} {value!r}")
    if state.step < max([0, *(row["step"] for row in state.history)]):
        raise ValueError(f"step {state.step} after a history of {len(state.history)} epochs")
    return state


def first_not_finite(arrays: dict[str, np.ndarray]) -> str | None:
    """The name of the first array with a NaN or an infinity, or None."""
    floats = ((name, array) for name, array in arrays.items() if array.dtype.kind == "f")
    return next((name for name, array in floats if not np.isfinite(array).all()), None)
