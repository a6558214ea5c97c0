"""Model files: reading them safely."""

import zipfile
from pathlib import Path

import keras

from tfresnet.errors import InputError


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
    if not zipfile.is_zipfile(path):
        raise InputError(f"a model file must be in Keras' .keras format. Received: {path}")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the damage leads to
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"Keras cannot read this model file ({reason}). Received: {path}"
        ) from error


def load_weights(model: keras.Model, path: str | Path | None) -> keras.Model:
    """Fills `model` from a model or a `.weights.h5` file (pure data); returns it.

    Raises:
        InputError: as `load_model`, or weights of other shapes.
    """
    if path is None:
        return model
    if str(path).endswith(".weights.h5"):
        return _load_weights_file(model, path)
    weights = load_model(path).get_weights()
    ours, theirs = [w.shape for w in model.get_weights()], [w.shape for w in weights]
    if ours != theirs:
        raise InputError(
            f"the weights must have the shapes of {model.name} (output {model.output_shape}). "
            f"Received: {len(theirs)} arrays, last {theirs[-1] if theirs else None}, from {path}"
        )
    model.set_weights(weights)
    return model


def _load_weights_file(model, path):
    if not Path(path).is_file():
        raise InputError(f"a weights file must exist. Received: {path}")
    try:
        model.load_weights(path)
    except Exception as error:  # as above
        raise InputError(
            f"not weights of {model.name} ({_reason(error)}). Received: {path}"
        ) from error
    return model


def inference_model(network: keras.Model) -> keras.Model:
    """`network` without the auxiliary classifiers that only training uses."""
    if len(network.outputs) == 1:
        return network
    return keras.Model(network.inputs, network.outputs[0], name=network.name)


def _reason(error):
    return str(error).strip().partition("\n")[0] or type(error).__name__
