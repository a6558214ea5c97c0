"""What the other end of a stream can show. The streams may be closed, or None (`pythonw`)."""

import os
from typing import TextIO

_DEFAULT_WIDTH = 80


def redraws(stream: TextIO | None) -> bool:
    """Whether a line of `stream` can be written over, as progress bars do; escape codes work too.

    False for files, pipes, and terminals that say they are dumb (editors, some CI logs).
    """
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):
        return False


def width(stream: TextIO | None) -> int:
    """Columns of the terminal that `stream` writes to, now; 80 where it cannot be told."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_WIDTH
    except (AttributeError, ValueError, OSError):
        return _DEFAULT_WIDTH
