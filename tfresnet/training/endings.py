"""One line about a run that fails: the cause, what is saved, how to continue."""

import errno
import os
import re
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfresnet.errors import InputError, RunError
from tfresnet.runs.folder import RunFolder
from tfresnet.system.signals import Interrupted

# TensorFlow puts these around the message of an error.
_MARKS = re.compile(r"\{\{function_node .*?\}\}|\[Op:.*")
_OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
# For which TensorFlow has the same error as for memory.
_OF_THE_DISK = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EMFILE)))


@contextmanager
def explain_failures(folder: RunFolder) -> Iterator[None]:
    """Turns a failure of the run in `folder` into a `RunError` of one line, or an `Interrupted`.
    These are signals and failures of disk, memory, data or numbers. Errors of the program pass."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if getattr(stop, "saved", False):
            raise
        signum = getattr(stop, "signum", signal.SIGINT)
        raise Interrupted(signum, f"stopped at once; {folder.recovery_hint()}") from stop
    except (BrokenPipeError, InputError):  # a closed pipe: the reader, such as `| head`, has exited
        raise
    except RunError as error:
        raise type(error)(f"{error}; {folder.recovery_hint()}") from error
    except (OSError, MemoryError, tf.errors.OpError) as error:
        # Those of Keras, TensorFlow and h5py name no file, so the log keeps the traceback.
        folder.note(traceback.format_exc())
        raise RunError(
            f"{cause(error)} (all of it: {folder.log}); {folder.recovery_hint()}"
        ) from error


def cause(error: BaseException) -> str:
    """The line of an error's message that says what went wrong."""
    said, in_graph, _ = (getattr(error, "message", None) or str(error)).partition("[[{{node")
    lines = said.strip().splitlines() or [type(error).__name__]
    # An error in a graph begins with the place where the operation was made.
    found = _MARKS.sub("", lines[-1 if in_graph else 0]).strip()
    is_memory = isinstance(error, _OUT_OF_MEMORY) and not found.endswith(_OF_THE_DISK)
    return f"out of memory: {found}" if is_memory else found
