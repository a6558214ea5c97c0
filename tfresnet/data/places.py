"""Where data are: the folder that a user names, and the folders of Keras."""

import logging
import os
import tempfile
from pathlib import Path

logger = logging.getLogger("tfresnet")

_TEMPORARY = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir())

PICTURES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".gif")  # file suffixes


def is_hidden(name: str) -> bool:
    """Whether the name of a file or folder says that it is none of the user's pictures."""
    return name.startswith(".") or name == "__MACOSX"  # which macOS adds to archives


def resolve_data_dir(data_dir: str | Path | None) -> str | None:
    """The absolute path, with `~` expanded; None stays None."""
    return None if data_dir is None else os.path.abspath(os.path.expanduser(data_dir))


def stored_data_dir(dataset: str, data_dir: str | None) -> str | None:
    """The `data_dir` in a run's settings; None, with a warning, if that folder is gone.

    None means the usual places. "folder" has none, so its `data_dir` stays.
    """
    if data_dir is None or dataset == "folder" or os.path.exists(resolve_data_dir(data_dir)):
        return data_dir
    logger.warning("%s is gone: looking for the data in the usual places", data_dir)
    return None


def keras_datasets() -> list[Path]:
    """The folders where Keras keeps data sets; it writes to the last one.

    They are below $KERAS_HOME or ~/.keras and, if that is not writable, also below `.keras` in the
    temporary folder, as in `keras.utils.get_file`. Keras itself would load TensorFlow to answer.
    """
    place = os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")
    if place.startswith("~"):  # a user without a home
        return [_TEMPORARY / ".keras" / "datasets"]
    home = Path(place).absolute()
    existing = next(path for path in (home, *home.parents) if os.path.exists(path))
    homes = [home] if os.access(existing, os.W_OK) else [home, _TEMPORARY / ".keras"]
    return [home / "datasets" for home in homes]
