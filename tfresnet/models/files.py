"""Safe reading of model files."""

import zipfile
from pathlib import Path

import keras

from tfresnet.errors import InputError

_MEMBERS = {"metadata.json": 2**20, "config.json": 2**24, "model.weights.h5": 2**32}  # bytes
_MAX_EXPANSION = 4  # weights are noise, which packs by a tenth at best


def load_model(path: str | Path) -> keras.Model:
    """The model in a `.keras` file. No code from the file runs.

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
        _check_archive(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file can raise anything
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        rule = f"Keras cannot read this model file ({reason})"
        raise InputError(f"{rule}. Received: {path}") from error


def _check_archive(path):
    """Rejects zip bombs: Keras allows a hundredfold expansion, and assets, which we never have."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if unknown := sorted({member.filename for member in members} - set(_MEMBERS)):
        raise ValueError(f"it must hold nothing but {', '.join(_MEMBERS)}, has {unknown[0]!r}")
    for member in members:
        limit = _MEMBERS[member.filename]
        size, packed = member.file_size, member.compress_size
        if size > limit or size > 2**20 + _MAX_EXPANSION * packed:
            raise ValueError(f"{member.filename} must not unpack to {size} bytes from {packed}")
