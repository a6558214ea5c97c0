"""Measure how much of a training TensorBoard's pages take. The flags are those of train.py.

    python -m benchmarks.pages --model resnet20 --epochs 2 --output-dir DIR

It times everything that makes pages within one training. Two trainings, with and without pages,
would differ less than the speed of a shared machine changes between them.
"""

import collections
import inspect
import statistics
import time

from tfresnet.system import commands
from tfresnet.system.tables import text_table
from tfresnet.training import flags


def main(argv: list[str] | None = None) -> None:
    arguments = flags.parse(argv)
    commands.load_tensorflow()
    from tfresnet.training import loop, testing
    from tfresnet.training.hooks import Hook
    from tfresnet.training.step import TrainStep

    calls = collections.defaultdict(list)

    def add_clock(owner, name):
        plain = getattr(owner, name)

        def timed(*args, **flags):
            began = time.perf_counter()
            result = plain(*args, **flags)
            what = "observed step" if flags.get("observe") else name
            calls[what].append(time.perf_counter() - began)
            return result

        setattr(owner, name, timed)

    for name, member in vars(Hook).items():
        if inspect.isfunction(member):
            add_clock(loop.TensorBoard, name)
    add_clock(testing, "write_test")
    add_clock(TrainStep, "__call__")
    began = time.perf_counter()
    loop.train(**arguments)
    training = time.perf_counter() - began

    steps, observed = calls.pop("__call__"), calls.pop("observed step", [])
    spent = {name: sum(seconds) for name, seconds in calls.items()}
    if observed:
        more = statistics.median(observed) - statistics.median(steps)
        spent["what observed steps take more"] = more * len(observed)
    pages = sum(spent.values())
    rows = [*spent.items(), ("all pages", pages), ("the whole training", training)]
    print(text_table(["pages", "s"], [[name, f"{seconds:.2f}"] for name, seconds in rows]))
    print(f"{100 * pages / (training - pages):.2f} % more than without pages")


if __name__ == "__main__":
    commands.run(main, "benchmarks.pages")
