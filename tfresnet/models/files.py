"""Safe reading of model files."""

import io
import json
import math
import random
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import h5py
import keras

from tfresnet.errors import InputError
from tfresnet.models.watched import watched
from tfresnet.weights import hdf5
from tfresnet.weights.size import limit

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = {"metadata.json": 2**20, _CONFIG: 2**24, _WEIGHTS: 2**32}  # bytes


def load_model(path: str | Path, custom_objects: dict | None = None) -> keras.Model:
    """The model in a `.keras` file. No code from the file runs.

    Args:
        custom_objects: layers of a user's code that the file needs, by Keras' names for them.

    Raises:
        InputError: no such file, an `.h5` model (which ignores Keras' safe mode), or a file that
            Keras cannot read as a model.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"a model file must exist. Received: {path}")
    if path.suffix in (".h5", ".hdf5"):
        raise InputError(
            "a model must be a .keras file: .h5 models can run code when loaded; open it where you "
            f"trust it and save it again with model.save('NAME.keras'). Received: {path}"
        )
    try:
        _check_archive(path, custom_objects)
        with _registered(custom_objects or {}):
            return watched(keras.saving.load_model(path, compile=False, safe_mode=True))
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise anything
        rule = f"Keras cannot read this model file ({_reason(error)})"
        raise InputError(f"{rule}. Received: {path}") from error


def _reason(error):
    unknown = re.match(r"Could not locate (?:class|function) '(.*?)'", str(error))
    if unknown:
        return f"it needs the code of {unknown[1]}: --model FILE.py"
    return str(error).strip().partition("\n")[0] or type(error).__name__


@contextmanager
def _registered(custom_objects):
    """Keras' own scope forgets its objects inside a layer that holds others."""
    known = keras.saving.get_custom_objects()
    before = dict(known)
    known.update(custom_objects)
    try:
        yield
    finally:
        known.clear()
        known.update(before)


def _check_archive(path, custom_objects):
    """Refuses what would make Keras take more than the file is worth.

    Keras itself allows a hundredfold expansion and unpacks assets, which no network here has.
    """
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if unknown := sorted({member.filename for member in members} - set(_MEMBERS)):
            raise ValueError(f"it must hold nothing but {', '.join(_MEMBERS)}, has {unknown[0]!r}")
        for member in members:
            packed = min(member.compress_size, size)
            if member.file_size > min(_MEMBERS[member.filename], limit(packed)):
                raise ValueError(
                    f"{member.filename} must not unpack to {member.file_size} bytes from {packed}"
                )
        with h5py.File(io.BytesIO(archive.read(_WEIGHTS))) as weights:
            hdf5.checked(weights, size)
        config = json.loads(archive.read(_CONFIG))
    if custom_objects:  # code that is trusted may do more than ask for memory
        return
    with ThreadPoolExecutor(1) as thread:  # Keras keeps the variables of the scope, for a thread
        numbers = thread.submit(_count, config).result()
    if 4 * numbers > limit(size):
        raise ValueError(f"its layers must not have {numbers} weights in {size} bytes")


def _count(config):
    """How many numbers the variables of a model hold, found without memory for them."""
    state = random.getstate()  # from which initializers draw their seeds
    if isinstance(config, dict):
        config = config | {"compile_config": None}  # an optimiser is neither built nor loaded
    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    random.setstate(state)
    return sum(math.prod(variable.shape) for variable in model.variables)
