"""A long training keeps its memory, files and threads; what happens around it changes no bit.

`python -m pytest -s -m slow --times 30 tests/robustness/test_hours.py` takes two hours.
"""

import hashlib
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from support.processes import Training, pages
from support.small_disk import fill, small_disk

from tfresnet.runs.checkpoints import read

MINUTES = 4
ROUNDS = 10  # processes of the troubled run, one after another
FLAGS = ("--model", "resnet8", "--dataset", "shapes10", "--val-size", 40, "--batch-size", 32)
FLAGS += ("--epochs", 100_000, "--histograms", 10, "--ema", 0.9, "--keep-best")
PAGES = "5"  # all pictures in every fifth epoch
FAKE_CLOCKS = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class Watched:
    """A training that goes on until it is stopped: what its processes held, and its states."""

    def __init__(self, folder, name, **environment):
        self.run, self.environment = folder / name, environment
        self.flags = (*FLAGS, "--output-dir", folder, "--name", name)
        self.held, self.states = [], {}
        self.start()

    def start(self):
        flags = ("--resume", self.run) if (self.run / "config.json").exists() else self.flags
        quiet = {"stdout": subprocess.DEVNULL, "PAGES": PAGES}
        self.training = Training(*flags, **quiet, **self.environment)
        self.held.append([])

    def watch(self):
        """Notes the sum of every new state at the end of an epoch, and what the process holds."""
        for path in self.run.glob("checkpoints/step-*.npz"):
            step = int(path.stem[5:])
            if not self.states.get(step):
                self.states[step] = checksum(path)
        process = Path(f"/proc/{self.training.process.pid}")
        status = (process / "status").read_text()
        if self.states and (memory := re.search(r"VmRSS:\s+(\d+) kB", status)):
            files, threads = (len([*(process / part).iterdir()]) for part in ("fd", "task"))
            self.held[-1].append((max(self.states), int(memory[1]) / 1024, files, threads))

    def end(self, status):
        found, _, err = self.training.end()
        assert (found, err.count("\n")) == (status, 1), err
        return err

    def stop(self):
        self.training.signal(signal.SIGTERM)
        self.end(143)


def checksum(path):
    """That of the state at the end of an epoch; None before its validation."""
    try:
        state = read(path)
    except FileNotFoundError:  # just deleted
        return None
    if state.sums:
        return None
    content = hashlib.sha256(repr([state.step, state.sums, state.history]).encode())
    for name, array in state.arrays.items():
        content.update(name.encode() + array.tobytes())
    return content.hexdigest()


@pytest.mark.slow
def test_hours(times, seed, tmp_path):
    print(f"\nseed {seed}, clock {'faked' if FAKE_CLOCKS else 'left alone: no libfaketime'}")
    with small_disk(tmp_path, megabytes=500) as disk:
        calm, troubled, said = two_trainings(60 * MINUTES * times, seed, tmp_path, disk)
        common = [
            step for step, known in calm.states.items() if known and troubled.states.get(step)
        ]
        print(f"{len(common)} common states up to step {max(common)}, of {len(calm.states)} seen")
        assert [step for step in common if calm.states[step] != troubled.states[step]] == []
        for part in ("train", "validation"):
            assert shown(calm.run / part, max(common)) == shown(troubled.run / part, max(common))
    for line in said:
        assert "No space left on device" in line
    for number, held in enumerate([calm.held[0], *troubled.held]):
        print(f"process {number}: step, MB, files, threads at quarters: {held[:: len(held) // 4]}")
    _, memory, files, threads = np.array(calm.held[0]).T
    second, last = slice(len(memory) // 4, len(memory) // 2), slice(-len(memory) // 4, None)
    for counted in (files, threads):
        assert counted[last].max() <= counted[second].max()
    assert memory[last].max() < 1.05 * memory[second].max()


def shown(folder, last):
    """What TensorBoard shows up to a step."""
    return [page for page in pages(folder) if page[0] <= last]


def two_trainings(seconds, seed, folder, disk):
    """A calm one and a troubled one, side by side; and what a full disk had the latter say."""
    rng, said = random.Random(seed), []
    clock = folder / "clock"
    clock.write_text("+0")
    fake = {}
    if FAKE_CLOCKS:
        fake = {"LD_PRELOAD": str(FAKE_CLOCKS[0]), "FAKETIME_TIMESTAMP_FILE": str(clock)}
        fake |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_CACHE_DURATION": "1"}
    calm, troubled = Watched(folder, "calm"), Watched(disk, "troubled", **fake)
    length = seconds / ROUNDS
    with calm.training:
        for number in range(ROUNDS):
            with troubled.training:
                wait(length * 0.7, calm, troubled)
                clock.write_text(f"{rng.choice('+-')}{rng.randrange(10**7)}")
                troubled.training.signal(signal.SIGSTOP)
                wait(rng.uniform(0, length * 0.1), calm)
                troubled.training.signal(signal.SIGCONT)
                wait(length * 0.2, calm, troubled)
                if number % 3 == 1:
                    fill(disk)
                    said.append(troubled.end(1))
                    (disk / "filler").unlink()
                else:
                    troubled.stop()
            if number < ROUNDS - 1:
                troubled.start()
        calm.stop()
    return calm, troubled, said


def wait(seconds, *watched):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for run in watched:
            run.watch()
        time.sleep(0.5)
