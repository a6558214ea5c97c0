"""What is said when a run breaks off: the cause, what is left, how to go on."""

import re
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfresnet.errors import InputError, RunError
from tfresnet.runs.folder import RunFolder
from tfresnet.system.signals import Interrupted

# What TensorFlow puts around the cause of an error.
_MARKS = re.compile(r"\{\{function_node .*?\}\}|\[Op:.*")


@contextmanager
def explained(folder: RunFolder) -> Iterator[None]:
    """Turns what can end the run in `folder` early into one line about it.

    Raises:
        Interrupted: by a signal.
        RunError: the disk, the memory, the data or the numbers failed. A program error passes.
    """
    try:
        yield
    except Interrupted as stop:
        if stop.saved:
            raise
        raise _stopped(stop.signum, folder) from stop
    except KeyboardInterrupt as stop:
        raise _stopped(signal.SIGINT, folder) from stop
    except (BrokenPipeError, InputError):  # nobody reads the output any more, as after `| head`
        raise
    except RunError as error:
        raise type(error)(f"{error}; {folder.what_is_left()}") from error
    except (OSError, MemoryError, tf.errors.OpError) as error:
        # Also from inside Keras, TensorFlow and h5py, which name no file.
        folder.note(traceback.format_exc())
        raise RunError(
            f"{cause(error)} (all of it: {folder.log}); {folder.what_is_left()}"
        ) from error


def _stopped(signum, folder):
    return Interrupted(signum, f"stopped at once; {folder.what_is_left()}")


def cause(error: BaseException) -> str:
    """The line of an error's message that says what went wrong."""
    said, in_graph, _ = (getattr(error, "message", None) or str(error)).partition("[[{{node")
    lines = said.strip().splitlines() or [type(error).__name__]
    # In a graph, where the operation was made stands first.
    found = _MARKS.sub("", lines[-1 if in_graph else 0]).strip()
    return f"out of memory: {found}" if isinstance(error, _OUT_OF_MEMORY) else found


_OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
