"""How the commands start and end: what TensorFlow is told, what the user sees, the exit status."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from tfresnet.errors import InputError, RunError
from tfresnet.training.signals import raise_on_terminate


def run(main: Callable[[], object], program: str) -> NoReturn:
    """Calls `main` and exits, with one line on stderr unless all went well.

    Status 0; 1 after a run broke off; 2 after bad input; 128 + n after signal n.
    """
    raise_on_terminate()
    try:
        main()
        sys.stdout.flush()
    except InputError as error:
        _exit(f"{program}: error: {error}", 2)
    except KeyboardInterrupt as error:
        _exit(f"{program}: {error or 'interrupted'}", 128 + getattr(error, "signum", 2))
    except RunError as error:
        _exit(f"{program}: {error}", 1)
    except BrokenPipeError:
        _silence_broken_pipe()
        sys.exit(1)
    sys.exit(0)


def load_tensorflow() -> None:
    """Imports TensorFlow with oneDNN's kernels and without start-up messages.

    Unasked, TensorFlow uses oneDNN only on processors with AVX512-VNNI or newer, and leaves half
    of the speed of others unused (README, Speed).
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    import_tensorflow()


def import_tensorflow() -> None:
    """Imports TensorFlow without start-up messages.

    Some of them are written before TensorFlow has read its log level, and past Python: only the
    file descriptor of standard error can be silenced. An import that fails still raises.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _silence_broken_pipe() -> None:
    """After a reader such as `| head` has gone: Python flushes once more at exit, into nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit(line, status):
    print(line, file=sys.stderr)
    sys.exit(status)
