"""Model files: reading them safely."""

import zipfile
from pathlib import Path

import keras

from tfresnet.errors import InputError

_MEMBERS = {"metadata.json": 2**20, "config.json": 2**24, "model.weights.h5": 2**32}  # bytes
_MAX_EXPANSION = 4  # weights are noise, and shrink by a tenth at best


def load_model(path: str | Path) -> keras.Model:
    """A model from a `.keras` file, without running any code that the file brings.

    Raises:
        InputError: no such file, an `.h5` model (its format ignores Keras' safe mode), or a file
            that Keras cannot read as a model.
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
        _check_archive(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the damage leads to
        raise InputError(
            f"Keras cannot read this model file ({_reason(error)}). Received: {path}"
        ) from error


def _check_archive(path):
    """Refuses what would make Keras take more than the file is worth.

    Keras itself allows a hundredfold expansion and unpacks assets, which no network here has.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if unknown := sorted({member.filename for member in members} - set(_MEMBERS)):
        raise ValueError(f"it must hold nothing but {', '.join(_MEMBERS)}, has {unknown[0]!r}")
    for member in members:
        limit = _MEMBERS[member.filename]
        size, packed = member.file_size, member.compress_size
        if size > limit or size > 2**20 + _MAX_EXPANSION * packed:
            raise ValueError(f"{member.filename} must not unpack to {size} bytes from {packed}")


def _reason(error):
    return str(error).strip().partition("\n")[0] or type(error).__name__
