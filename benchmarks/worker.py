"""A process that runs one contestant, on demand.

    python -m benchmarks.worker ASSIGNMENT   (as JSON)

It does one step and prints its peak memory in bytes. Then it reads numbers of seconds, one a line.
For each it works that long, and prints images/s and its peak memory.
"""

import json
import pkgutil
import resource
import sys
import time

from benchmarks.contestants import CONTESTANTS, Assignment
from tfresnet.system.commands import import_tensorflow, load_tensorflow


def main() -> None:
    assignment = Assignment(**json.loads(sys.argv[1]))
    contestant = CONTESTANTS[assignment.contestant]
    if contestant.rival is None:
        load_tensorflow()  # as our commands do
    elif contestant.package != "torch":
        import_tensorflow()
    make = pkgutil.resolve_name(f"benchmarks.{contestant.make}")
    step, amount = make(assignment, **contestant.options)
    step()
    print(_peak_memory(), flush=True)
    for line in sys.stdin:
        print(_speed(step, amount, float(line)), _peak_memory(), flush=True)


def _speed(step, amount, seconds):
    began, steps = time.perf_counter(), 0
    while not steps or time.perf_counter() - began < seconds:
        step()
        steps += 1
    return amount * steps / (time.perf_counter() - began)


def _peak_memory():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
