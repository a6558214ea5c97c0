"""How much memory a block of code takes."""

from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def takes_at_most(megabytes):
    """Fails if the process grows by more at any moment of the block; Linux only."""
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    if not reset.exists():
        pytest.skip("this system does not tell the peak of memory")
    reset.write_text("5")  # the peak is that of now
    before = _kilobytes(status, "VmRSS")
    yield
    grown = (_kilobytes(status, "VmHWM") - before) / 1024
    assert grown < megabytes, f"{grown:.0f} MB"


def _kilobytes(status, name):
    lines = (line.split() for line in status.read_text().splitlines())
    return next(int(line[1]) for line in lines if line[0] == f"{name}:")
