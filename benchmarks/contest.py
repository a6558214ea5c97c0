"""Contests by turns: each contestant has its own process, and one works while the others wait.

The speed of a shared machine changes from minute to minute. So each contestant takes one turn in
each round, and the result is the median of the rounds' ratios.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import CONTESTANTS, TASKS, Assignment
from tfresnet.errors import RunError
from tfresnet.models.resnet import NETWORKS


@dataclass(frozen=True)
class Result:
    """One pairing: speeds in each round (images/s; starts/s of "start-up"), and peak memory in
    bytes. `rival`: see `Contestant`."""

    model: str
    task: str
    rival: str | None
    other: str
    our_speeds: list[float]
    other_speeds: list[float]
    our_memory: int
    other_memory: int

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.our_speeds, self.other_speeds, strict=True)]


class Worker:
    """A process of `benchmarks.worker`. Entering the context waits for its first step."""

    def __init__(self, assignment: Assignment):
        self.assignment = assignment
        self.contestant = CONTESTANTS[assignment.contestant]
        self.speeds: list[float] = []
        self.memory = 0

    def __enter__(self):
        environment = os.environ | self.contestant.environment
        assignment = json.dumps(dataclasses.asdict(self.assignment))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", assignment],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in environment.items() if value is not None},
            text=True,
            start_new_session=True,  # Ctrl-C reaches only this process, which ends its workers
        )
        try:
            self.memory = int(self._answer())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()  # closes the pipes and waits

    def turn(self, seconds: float) -> None:
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        speed, memory = self._answer().split()
        self.speeds.append(float(speed))
        self.memory = int(memory)

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            what, status = self.assignment, self._process.wait()
            raise RunError(
                f"{what.contestant} broke off with status {status} ({what.task} of {what.model})"
            )
        return line


class Starter(Worker):
    """Starts a new `Worker` in each turn. Its first step is the first step of a training."""

    def __enter__(self):
        return self

    def __exit__(self, *_): ...

    def turn(self, seconds: float) -> None:
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
    against: Iterable[str] = tuple(CONTESTANTS),
) -> list[Result]:
    """Measure ours against the contestants of one task that are in `against` and work here. Without
    one, there is no result.

    Raises:
        RunError: ours breaks off, or another one does after its first step.
    """

    def entrant(name, task):
        kind = Starter if task == "start-up" else Worker
        return kind(assignment(name, task, model, batch_size, precision))

    names = [name for name in TASKS[task] if name in against]
    others = [entrant(name, "training" if name == "ours" else task) for name in names]
    with ExitStack() as stack:
        others = [other for other in others if _enters(other, stack)]
        if not others:
            return []
        ours = stack.enter_context(entrant("ours", task))
        for _ in range(rounds):
            for one in (ours, *others):
                one.turn(seconds)
    return [
        Result(
            *(model, task, other.contestant.rival, other.contestant.title),
            *(ours.speeds, other.speeds, ours.memory, other.memory),
        )
        for other in others
    ]


def assignment(
    contestant: str, task: str, model: str, batch_size: int, precision: str
) -> Assignment:
    row = NETWORKS[model]
    shape = {name: getattr(row, name) for name in ("units", "filters", "bottleneck", "shortcut")}
    return Assignment(contestant, task, model, batch_size, precision, **shape)


def _enters(other, stack):
    if not other.contestant.can(other.assignment):
        return False
    try:
        stack.enter_context(other)
    except RunError as error:
        print(f"left out: {error}", file=sys.stderr)
        return False
    return True
