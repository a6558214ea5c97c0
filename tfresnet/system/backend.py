"""What Keras runs on: the layers here are made of TensorFlow's operations too."""

import json
import os
import sys
from pathlib import Path

from tfresnet.errors import InputError


def require_tensorflow() -> None:
    """Raises `InputError` if Keras runs, or would run, on another backend. Loads nothing."""
    keras = sys.modules.get("keras")
    chosen = keras.config.backend() if keras else _chosen()
    if chosen != "tensorflow":
        raise InputError(
            "Keras must run on TensorFlow here: set KERAS_BACKEND=tensorflow before Keras is "
            f"imported (or `backend` in keras.json). Received: {chosen!r}"
        )


def _chosen():
    """As Keras will find it."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    folder = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    try:
        settings = json.loads((folder / "keras.json").read_text(encoding="utf-8"))
        return settings.get("backend", "tensorflow")
    except (OSError, ValueError, AttributeError):
        return "tensorflow"
