"""How every command starts and ends: signals, TensorFlow's set-up, error lines, exit status."""

import errno
import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tfresnet.errors import InputError, RunError
from tfresnet.system import signals

_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE}


def run(main: Callable[[], object], program: str) -> None:
    """Calls `main` and exits. A failure prints one line on stderr. Exit status: 0; 1 after a
    `RunError`; 2 after bad input; 128 + n after signal n. A script must call this before it imports
    anything slow, so that it can be stopped from the first moment."""
    program = as_started(program)
    _repair_streams()
    signals.exit_on_stop(program, os.dup(2))
    try:
        try:
            status = _status(main)
        finally:
            signals.ignore_stops()
    except InputError as error:
        _exit(f"{program}: error: {_as_typed(str(error))}", 2)
    except KeyboardInterrupt as stop:
        _end_line()
        _exit(f"{program}: {str(stop) or 'interrupted'}", 128 + getattr(stop, "signum", 2))
    except BrokenPipeError:  # the reader, such as `| head`, has exited
        _exit("", 1)
    except (RunError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _OF_THE_DISK:
            raise
        _exit(f"{program}: {error}", 1)
    _exit("", status)


def as_started(program: str) -> str:
    """How the user names the program: `tfresnet NAME`, which `tfresnet.__main__` leaves, or its
    own name."""
    return sys.argv[0] if sys.argv[0].startswith("tfresnet ") else program


def load_tensorflow() -> None:
    """Imports TensorFlow with oneDNN, and Keras on TensorFlow with its default data types. By
    itself TensorFlow uses oneDNN only on processors with AVX512-VNNI or newer; others run at 0.6 of
    their speed (docs/speed.md). From here on a stop request raises `Interrupted`. Raises
    `InputError` if TensorFlow or Keras is missing or Keras is configured wrongly."""
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Users cannot fix those in other packages, and `python -W error` would end on them.
    warnings.simplefilter("ignore", DeprecationWarning)
    gc.disable()  # imports leave no garbage, and collecting takes a fifth of the start-up time
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
    gc.freeze()  # later collections skip the imported modules
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    signals.raise_on_terminate()


def import_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages, some of which ignore the log level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence_stderr():
        import tensorflow  # noqa: F401


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Drops what is written to standard error, also by C++ code, which bypasses `sys.stderr`."""
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
    """Calls `main`, flushes its output and returns the exit status."""
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code
    sys.stdout.flush()
    return status


def _as_typed(message):
    """The message; a setting at its beginning becomes its flag, if that was typed."""
    name, space, rest = message.partition(" ")
    flag = "--" + name.replace("_", "-")
    typed = {argument.partition("=")[0] for argument in sys.argv[1:]}
    return f"{flag}{space}{rest}" if flag in typed else message


def _repair_streams():
    """Opens closed standard streams, and lets them print every character. The next file would get
    the number of a closed stream, and then receive what is printed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")


def _end_line():
    """Ends the line in which a terminal shows ^C, perhaps behind a progress bar."""
    with suppress(OSError, ValueError):
        if sys.stderr.isatty():
            print(file=sys.stderr)


def _exit(line, status):
    with suppress(OSError):  # stderr may be closed
        print(line, end="\n" if line else "", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:  # Python flushes again at exit, and would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)
