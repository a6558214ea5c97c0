"""Work done by threads before it is asked for, handed over in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tfresnet.system.hardware import cores

WORKERS = min(cores(), 16)
Made = TypeVar("Made")


def in_order(make: Callable[..., Made], requests: Iterable[tuple]) -> Iterator[Made]:
    """`make(*request)` for each request, in their order; one a processor is made ahead.

    `make` should spend its time outside of Python's lock, as Pillow does. What it raises is raised
    here, when its turn comes.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting = deque()
        try:
            for request in requests:
                waiting.append(pool.submit(make, *request))
                if len(waiting) > WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
