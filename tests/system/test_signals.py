"""Stop signals, one and two of them, of one kind and of both."""

import itertools
import signal
import threading

import pytest

from tfresnet.system.signals import Interrupted, raise_on_terminate, stop_requests

BOTH = (signal.SIGINT, signal.SIGTERM)
PAIRS = list(itertools.product(BOTH, repeat=2))


class Before(Exception):  # noqa: N818  no error
    """Raised by the handlers that were there before."""


@pytest.fixture(autouse=True)
def _handlers_before():
    def on_signal(signum, _frame):
        raise Before(signum)

    handlers = [signal.signal(signum, on_signal) for signum in BOTH]
    yield
    for signum, handler in zip(BOTH, handlers, strict=True):
        signal.signal(signum, handler)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_first_stop_is_a_request_and_the_second_is_not(first, second):
    with stop_requests() as request:
        assert request.signum is None
        signal.raise_signal(first)
        assert request.signum == first
        with pytest.raises(Before):
            signal.raise_signal(second)
    with pytest.raises(Before):
        signal.raise_signal(second)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_first_stop_is_an_exception_and_the_second_acts_as_before(first, second):
    raise_on_terminate()
    with pytest.raises(Interrupted, match=r"^(interrupted|terminated)$") as caught:
        signal.raise_signal(first)
    assert caught.value.signum == first
    with pytest.raises(Before):
        signal.raise_signal(second)


def test_ignored_signals_stay_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop_requests() as request:
        signal.raise_signal(signal.SIGINT)
        assert request.signum is None


def test_other_threads_may_ask_too():
    """Python lets only the main thread set handlers."""
    seen = []

    def work():
        with stop_requests() as request:
            seen.append(request.signum)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]
