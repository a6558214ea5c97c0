"""Being asked to stop, by Ctrl-C or by the system."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class Interrupted(KeyboardInterrupt):
    """Stopped by signal `signum`; `saved` if a checkpoint holds everything up to then."""

    def __init__(self, signum: int, message: str, saved: bool = False):
        super().__init__(message)
        self.signum = signum
        self.saved = saved


class StopRequest:
    """Holds the number of the signal that asked to stop, or None."""

    signum: int | None = None


def raise_on_terminate() -> None:
    """Makes SIGTERM an `Interrupted`, as Python makes Ctrl-C a `KeyboardInterrupt`."""

    def on_terminate(signum, _frame) -> NoReturn:
        raise Interrupted(signum, "terminated")

    signal.signal(signal.SIGTERM, on_terminate)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turns the first SIGINT or SIGTERM into a request that the loop can answer between steps.

    A second one acts as if nobody were listening. Outside the main thread, where Python allows no
    handlers, signals keep their old effect; so do ignored ones (`nohup`, jobs in the background).
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def on_signal(signum, _frame):
        request.signum = signum
        signal.signal(signum, previous[signum])

    previous = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    # None: a handler that is not Python's, and cannot be put back.
    previous = {s: h for s, h in previous.items() if h not in (signal.SIG_IGN, None)}
    for signum in previous:
        signal.signal(signum, on_signal)
    try:
        yield request
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
