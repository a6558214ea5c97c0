"""What is said when a run breaks off: the cause, what is left, how to go on."""

import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfresnet.errors import RunError
from tfresnet.training.run_folder import RunFolder
from tfresnet.training.signals import Interrupted


@contextmanager
def explained(folder: RunFolder) -> Iterator[None]:
    """Turns what can end the run in `folder` early into one line about it.

    Raises:
        Interrupted: by a signal.
        RunError: the disk, the data or the numbers failed. A program error passes as it is.
    """
    try:
        yield
    except Interrupted as stop:
        if stop.saved:
            raise
        raise _stopped(stop.signum, folder) from stop
    except KeyboardInterrupt as stop:
        raise _stopped(signal.SIGINT, folder) from stop
    except BrokenPipeError:  # nobody reads the output any more, as after `| head`
        raise
    except RunError as error:
        raise type(error)(f"{error}; {folder.what_is_left()}") from error
    except OSError as error:
        # Also from inside Keras, TensorFlow and h5py, which name no file.
        raise RunError(f"{_first_line(error)}; {folder.what_is_left()}") from error
    except tf.errors.OpError as error:
        folder.note(traceback.format_exc())
        raise RunError(
            f"{_first_line(error)} (all of it: {folder.log}); {folder.what_is_left()}"
        ) from error


def _stopped(signum, folder):
    return Interrupted(signum, f"stopped at once; {folder.what_is_left()}")


def _first_line(error):
    text = getattr(error, "message", None) or str(error)
    return text.strip().partition("\n")[0] or type(error).__name__
