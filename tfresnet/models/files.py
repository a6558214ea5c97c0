"""Safe reading of model files."""

import json
import math
import re
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

import h5py
import keras
from keras.src.backend.common.global_state import set_global_attribute

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
        with tempfile.TemporaryDirectory() as folder:
            config, weights = _unpack(path, folder)
            if custom_objects:  # code that is trusted may do more than ask for memory
                with _registered(custom_objects):
                    return watched(keras.saving.load_model(path, compile=False, safe_mode=True))
            model = _build(config, path.stat().st_size)
            model.load_weights(weights)
            return watched(model)
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


def _unpack(path, folder):
    """(the model's description, the file of its weights in `folder`); refuses what would make Keras
    take more than the file is worth.

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
        weights = archive.extract(_WEIGHTS, folder)
        with h5py.File(weights) as content:
            hdf5.checked(content, size)
        return json.loads(archive.read(_CONFIG)), weights


def _build(config, size):
    """The model of a description, if a file of `size` bytes can hold its weights."""
    config["compile_config"] = None  # an optimiser is neither built nor loaded
    with keras.StatelessScope(initialize_variables=False):  # its variables have no values yet
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    numbers = sum(math.prod(variable.shape) for variable in model.variables)
    if 4 * numbers > limit(size):
        set_global_attribute("uninitialized_variables", [])  # they never get any
        raise ValueError(f"its layers must not have {numbers} weights in {size} bytes")
    with keras.StatelessScope():
        pass  # its end gives them their values
    return model
