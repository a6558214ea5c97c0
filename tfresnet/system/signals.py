"""Stop requests: SIGINT (Ctrl-C) and SIGTERM."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_MEANING = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Interrupted(KeyboardInterrupt):
    """Signal `signum` stopped the work; `saved`: a checkpoint holds all of it."""

    def __init__(self, signum: int, message: str, saved: bool = False):
        super().__init__(message)
        self.signum = signum
        self.saved = saved


class StopRequest:
    """`signum` is the signal that asked to stop, or None."""

    signum: int | None = None


def exit_on_stop(program: str, stderr: int) -> None:
    """Makes a stop request end the process at once, with one line on file descriptor `stderr`. For
    imports: an exception would leave a package half imported, and some packages catch it."""

    def on_signal(signum, _frame):
        try:
            start = "\n" if os.isatty(stderr) else ""  # the terminal shows ^C
            os.write(stderr, f"{start}{program}: {_MEANING[signum]}\n".encode())
        finally:  # also when stderr is closed
            os._exit(128 + signum)

    _set_handler(on_signal)


def ignore_stops() -> None:
    """Ignores stop requests at the end of a process, when Python removes its handlers."""
    _set_handler(signal.SIG_IGN)


def raise_on_terminate() -> None:
    """Makes a stop request raise `Interrupted`; a second one acts as before this call."""

    def on_signal(signum, _frame):
        _restore(previous)
        raise Interrupted(signum, _MEANING[signum])

    previous = _set_handler(on_signal)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Records a stop request, for the loop to answer between two steps; a second one is obeyed."""
    request = StopRequest()

    def on_signal(signum, _frame):
        request.signum = signum
        _restore(previous)

    previous = _set_handler(on_signal)
    try:
        yield request
    finally:
        _restore(previous)


def _set_handler(on_signal: Callable) -> dict:
    """Installs `on_signal` and returns the previous handlers; ignored signals stay ignored."""
    handlers = {signum: signal.getsignal(signum) for signum in _MEANING}
    # None: a handler that Python did not install and could not restore.
    previous = {s: h for s, h in handlers.items() if h not in (signal.SIG_IGN, None)}
    try:
        _restore(dict.fromkeys(previous, on_signal))
    except ValueError:  # Python allows handlers only in the main thread
        return {}
    return previous


def _restore(handlers: dict) -> None:
    for signum, handler in handlers.items():
        signal.signal(signum, handler)
