"""Work that threads do ahead of time, with results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tfresnet.system.hardware import cores

WORKERS = min(cores(), 16)
Result = TypeVar("Result")


def map_ahead(function: Callable[..., Result], requests: Iterable[tuple]) -> Iterator[Result]:
    """Yields `function(*request)` in order, and computes one result per core ahead.

    The function should release Python's lock, as Pillow does. An error in it is raised here, at
    its place in the order.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting = deque()
        try:
            for request in requests:
                waiting.append(pool.submit(function, *request))
                if len(waiting) > WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
