"""How the commands start and end: what TensorFlow is told, what the user sees, the exit status."""

import errno
import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tfresnet.errors import InputError, RunError
from tfresnet.system import signals


def run(main: Callable[[], object], program: str) -> None:
    """Calls `main` and exits, with one line on stderr unless all went well.

    Status 0; 1 after a run broke off; 2 after bad input; 128 + n after signal n. A script calls
    this before it imports anything else, so that a stop is answered from its first moment on.
    """
    _complete_streams()
    signals.exit_on_stop(program, os.dup(2))
    try:
        try:
            status = _status(main)
        finally:
            signals.ignore_stops()
    except InputError as error:
        _exit(f"{program}: error: {error}", 2)
    except KeyboardInterrupt as stop:
        _exit(f"{program}: {str(stop) or 'interrupted'}", 128 + getattr(stop, "signum", 2))
    except RunError as error:
        _exit(f"{program}: {error}", 1)
    except BrokenPipeError:  # a reader such as `| head` has gone
        _exit("", 1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _exit(f"{program}: {error}", 1)
    _exit("", status)


def load_tensorflow() -> None:
    """Imports TensorFlow with oneDNN's kernels, and Keras on it, whatever other programs use.

    Ends the start of a command: until now a stop has ended the process, from now on it is an
    `Interrupted`, so that what was begun can be put away.

    Unasked, TensorFlow uses oneDNN only on processors with AVX512-VNNI or newer, and leaves half
    of the speed of others unused (docs/speed.md).

    Raises:
        InputError: they are not installed, or Keras' settings are impossible.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # A user can do nothing about those in other packages, and `python -W error` would end on them.
    warnings.simplefilter("ignore", DeprecationWarning)
    gc.disable()  # an import makes no garbage, and looking for it takes a fifth of the start
    try:
        import_tensorflow()
        import keras
    except ModuleNotFoundError as error:
        if error.name not in ("tensorflow", "keras"):
            raise
        raise InputError(f"{error} (pip install -r requirements.txt)") from error
    except (AssertionError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"settings of Keras (keras.json, KERAS_...) must be possible ones. Received: {error!r}"
        ) from error
    finally:
        gc.enable()
    gc.freeze()  # nor is it looked for later among what has been imported
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    signals.raise_on_terminate()


def import_tensorflow() -> None:
    """Imports TensorFlow without start-up messages, some of which precede its log level.

    An import that fails still raises.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced_stderr():
        import tensorflow  # noqa: F401


@contextmanager
def silenced_stderr() -> Iterator[None]:
    """Drops what is written to standard error, by C++ code too: it bypasses `sys.stderr`."""
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _status(main):
    """The exit status of `main`, whose output is written."""
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code
    sys.stdout.flush()
    return status


def _complete_streams():
    """Opens what the caller has closed, and lets no character be the end of a command.

    A closed number would be given to the next file, and be written to by all who mean the stream.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")


def _exit(line, status):
    with suppress(OSError):  # nobody reads it
        print(line, end="\n" if line else "", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:  # Python flushes once more at its end, and would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)
