"""The Keras backend: our layers call TensorFlow operations, so it must be TensorFlow."""

import json
import os
import sys
from pathlib import Path

from tfresnet.errors import InputError


def require_tensorflow() -> None:
    """Raises `InputError` if Keras uses, or would choose, another backend. Imports nothing."""
    keras = sys.modules.get("keras")
    backend = keras.config.backend() if keras else _configured_backend()
    if backend != "tensorflow":
        raise InputError(
            "Keras must run on TensorFlow here: set KERAS_BACKEND=tensorflow before Keras is "
            f"imported (or `backend` in keras.json). Received: {backend!r}"
        )


def _configured_backend():
    """Follows Keras' own rule: the environment first, then keras.json."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    # Not `Path.expanduser`, which raises for a user without a home.
    folder = Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"))
    try:
        settings = json.loads((folder / "keras.json").read_text(encoding="utf-8"))
        return settings.get("backend", "tensorflow")
    except (OSError, ValueError, AttributeError):
        return "tensorflow"
