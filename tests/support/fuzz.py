"""Seeded mutation, and what may come of it: success, or one clear line."""

import os
import random
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from tfresnet.errors import InputError

SECONDS = 20  # after which a case counts as hanging
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)


def mutate(content: bytes, rng: random.Random) -> bytes:
    """`content` with one to eight changes, or cut off, or other bytes altogether."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        size = len(content)
        start = rng.randrange(size + 1)
        end = min(size, start + rng.choice((1, 1, 2, 4, 8, 64)))
        kind = rng.randrange(7)
        if kind == 0 and start < size:
            content[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[start:end] = rng.randbytes(end - start)
        elif kind == 2:
            content[start:end] = bytes([rng.choice(INTERESTING)]) * (end - start)
        elif kind == 3:
            del content[start:end]
        elif kind == 4:
            content[start:start] = content[start:end] * rng.choice((1, 2, 50))
        elif kind == 5:
            content[start:start] = rng.randbytes(rng.choice((1, 4, 200)))
        elif kind == 6 and rng.random() < 0.2:
            del content[start:]
    return bytes(content)


class _Hang(BaseException):
    pass


@contextmanager
def time_limit():
    def on_alarm(*_):
        raise _Hang

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(case: Callable[[], object]) -> str:
    """The class of what `case()` ends in; "FAILURE" with the reason for what must not be."""
    try:
        with time_limit():
            case()
    except InputError as error:
        if "\n" in str(error):
            return f"FAILURE several lines: {error}"
        return "one clear line"
    except SystemExit as end:
        return f"exit {end.code}" if end.code in (0, 2) else f"FAILURE exit {end.code}"
    except _Hang:
        return "FAILURE hang"
    except BaseException:
        frame = traceback.extract_tb(sys.exc_info()[2])[-1]
        return f"FAILURE {traceback.format_exc(limit=0).strip()} at {frame.filename}:{frame.lineno}"
    return "success"


def run(name: str, folder: Path, cases: int, seed: int, make: Callable) -> Counter:
    """Runs `cases` cases of `make(rng, folder)`; every failure keeps its seed.

    Nothing may appear beside `folder/inside`, which is the folder that `make` gets.
    """
    inside = folder / "inside"
    inside.mkdir()
    before, outcomes = set(os.listdir(folder)), Counter()
    for index in range(cases):
        rng = random.Random(f"{name} {seed} {index}")
        result = outcome(make(rng, inside))
        if set(os.listdir(folder)) != before:
            result = f"FAILURE wrote outside: {set(os.listdir(folder)) - before}"
        if result.startswith("FAILURE"):
            print(f"{name}, seed {seed}, case {index}: {result}")
        outcomes[result.partition(":")[0]] += 1
    print(f"{name}: {cases} cases, {dict(outcomes)}")
    return outcomes
