"""Being asked to stop, by Ctrl-C or by the system."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_MEANING = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Interrupted(KeyboardInterrupt):
    """Stopped by signal `signum`; `saved` if a checkpoint holds everything up to then."""

    def __init__(self, signum: int, message: str, saved: bool = False):
        super().__init__(message)
        self.signum = signum
        self.saved = saved


class StopRequest:
    """Holds the number of the signal that asked to stop, or None."""

    signum: int | None = None


def exit_on_stop(program: str, stderr: int) -> None:
    """SIGINT and SIGTERM end the process at once, with one line on the file descriptor `stderr`.

    For the time of imports: an exception would leave a package half imported, and some packages
    take it for a fault of their own and go on.
    """

    def on_signal(signum, _frame):
        try:
            os.write(stderr, f"{program}: {_MEANING[signum]}\n".encode())
        finally:  # also when nobody reads it any more
            os._exit(128 + signum)

    _answer_with(on_signal)


def ignore_stops() -> None:
    """For the end of a process: nothing is left to stop, and Python takes its handlers down."""
    _answer_with(signal.SIG_IGN)


def raise_on_terminate() -> None:
    """SIGINT and SIGTERM become an `Interrupted`; a second one acts as before the call."""

    def on_signal(signum, _frame):
        _restore(previous)
        raise Interrupted(signum, _MEANING[signum])

    previous = _answer_with(on_signal)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turns the first SIGINT or SIGTERM into a request that the loop can answer between steps.

    A second one, of either, acts as if nobody were listening.
    """
    request = StopRequest()

    def on_signal(signum, _frame):
        request.signum = signum
        _restore(previous)

    previous = _answer_with(on_signal)
    try:
        yield request
    finally:
        _restore(previous)


def _answer_with(on_signal: Callable) -> dict:
    """Lets `on_signal` answer; returns the handlers before.

    Outside the main thread, where Python allows no handlers, signals keep their effect; so do
    ignored ones (`nohup`, jobs in the background).
    """
    handlers = {signum: signal.getsignal(signum) for signum in _MEANING}
    # None: a handler that is not Python's, and could not be put back.
    previous = {s: h for s, h in handlers.items() if h not in (signal.SIG_IGN, None)}
    try:
        _restore(dict.fromkeys(previous, on_signal))
    except ValueError:
        return {}
    return previous


def _restore(handlers: dict) -> None:
    for signum, handler in handlers.items():
        signal.signal(signum, handler)
