"""Where data lie: the place that a user names, and the folders of Keras."""

import logging
import os
import tempfile
from pathlib import Path

logger = logging.getLogger("tfresnet")

_TEMPORARY = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir())

PICTURES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".gif")  # endings


def resolve_data_dir(data_dir: str | Path | None) -> str | None:
    """The same place as an absolute path without `~`, good from any folder; None stays None."""
    return None if data_dir is None else os.path.abspath(os.path.expanduser(data_dir))


def stored_data_dir(dataset: str, data_dir: str | None) -> str | None:
    """The place of the data in the settings of a run, or None if it is gone.

    The data are then looked for in the usual places, and a line says so. Pictures of a folder have
    no usual place.
    """
    if data_dir is None or dataset == "folder" or os.path.exists(resolve_data_dir(data_dir)):
        return data_dir
    logger.warning("%s is gone: looking for the data in the usual places", data_dir)
    return None


def keras_datasets() -> list[Path]:
    """The folders in which Keras keeps data sets; it writes to the last one.

    They are below $KERAS_HOME or ~/.keras and, where that cannot be written, below `.keras` in the
    temporary folder, as in `keras.utils.get_file`. To ask Keras would be to load TensorFlow.
    """
    home = Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")).absolute()
    existing = next(path for path in (home, *home.parents) if os.path.exists(path))
    homes = [home] if os.access(existing, os.W_OK) else [home, _TEMPORARY / ".keras"]
    return [home / "datasets" for home in homes]
