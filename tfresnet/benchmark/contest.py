"""Contests by turns: every contestant has a process of its own and works while all others wait.

The speed of a shared machine changes from minute to minute. So each round gives every contestant
one turn, and what counts is the median of the rounds' ratios.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass

from tfresnet.benchmark.contestants import CONTESTANTS, TASKS, Assignment
from tfresnet.errors import RunError


@dataclass(frozen=True)
class Result:
    """One pairing: speeds in each round (images/s; GFLOP/s of a matrix product; starts/s of
    "start-up") and peak memory in bytes.

    `share`: what the network's multiply-adds make of the matrix product's rate (median), counting
    the two gradients of a training step as a forward pass each.
    """

    model: str
    task: str
    other: str
    our_speeds: list[float]
    other_speeds: list[float]
    our_memory: int
    other_memory: int
    share: float | None = None

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.our_speeds, self.other_speeds, strict=True)]


class Worker:
    """A process of `tfresnet.benchmark.worker`."""

    def __init__(self, assignment: Assignment):
        changes = CONTESTANTS[assignment.contestant].environment
        environment = {k: v for k, v in (os.environ | changes).items() if v is not None}
        self.name = f"{assignment.contestant}, {assignment.task} of {assignment.model}"
        self.speeds: list[float] = []
        self.memory = 0
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tfresnet.benchmark.worker"),
                json.dumps(dataclasses.asdict(assignment)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def __enter__(self):
        self.memory = int(self._answer())
        return self

    def __exit__(self, *_):
        self._end()

    def turn(self, seconds: float) -> None:
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        speed, memory = self._answer().split()
        self.speeds.append(float(speed))
        self.memory = int(memory)

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self._end()
            raise RunError(f"a contestant broke off with status {status}: {self.name}")
        return line

    def _end(self):
        self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Starter:
    """Takes a turn by starting a `Worker`, whose first step is the first step of a training."""

    def __init__(self, assignment: Assignment):
        self.assignment = assignment
        self.speeds: list[float] = []
        self.memory = 0

    def turn(self, _seconds: float) -> None:
        began = time.perf_counter()
        with Worker(self.assignment) as worker:
            self.speeds.append(1 / (time.perf_counter() - began))
            self.memory = max(self.memory, worker.memory)


def contest(
    model: str,
    task: str,
    *,
    batch_size: int,
    precision: str,
    rounds: int,
    seconds: float,
    multiply_adds: int,
) -> list[Result]:
    """All pairings of one task. Raises RunError where a contestant breaks off."""

    def of(name, task):
        return assignment(name, task, model, batch_size, precision)

    # "ours" as the other side of a task: the bare step on a constant batch.
    others = [of(name, "training" if name == "ours" else task) for name in TASKS[task]]
    others = [what for what in others if CONTESTANTS[what.contestant].can(what)]

    def competitor(what):
        return nullcontext(Starter(what)) if task == "start-up" else Worker(what)

    with ExitStack() as stack:
        first, *rest = [stack.enter_context(competitor(w)) for w in (of("ours", task), *others)]
        for _ in range(rounds):
            for one in (first, *rest):
                one.turn(seconds)
    return [
        Result(
            model=model,
            task=task,
            other=_title(what.contestant),
            our_speeds=first.speeds,
            other_speeds=other.speeds,
            our_memory=first.memory,
            other_memory=other.memory,
            share=_share(first.speeds, other.speeds, multiply_adds)
            if what.contestant == "matrix"
            else None,
        )
        for what, other in zip(others, rest, strict=True)
    ]


def assignment(
    contestant: str, task: str, model: str, batch_size: int, precision: str
) -> Assignment:
    from tfresnet.models.resnet import NETWORKS

    row = NETWORKS[model]
    shape = {name: getattr(row, name) for name in ("units", "filters", "bottleneck", "shortcut")}
    return Assignment(contestant, task, model, batch_size, precision, **shape)


def _title(contestant):
    return "ours, constant batch" if contestant == "ours" else CONTESTANTS[contestant].title


def _share(speeds, rates, multiply_adds):
    """Of the rate of the matrix product in GFLOP/s."""
    flop = 3 * 2 * multiply_adds  # a training step: forward and the two gradients
    return statistics.median(s * flop / 1e9 / r for s, r in zip(speeds, rates, strict=True))
