"""A power loss at any moment loses nothing that was saved; see `support/power_loss.py`."""

import os
import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from support import power_loss, saves
from support.processes import ROOT, assert_equal_runs
from support.small import shrink_shapes10
from support.strace import record

import tfresnet
from tfresnet.runs import events
from tfresnet.runs.checkpoints import State, read
from tfresnet.runs.events import drop_events_after
from tfresnet.runs.evidence import evidence
from tfresnet.runs.record import RunRecord
from tfresnet.training.tensorboard.board import BY_STEP
from tfresnet.training.testing import is_complete

SEED, TRIES, STATES, RESUMED = 35, 34_000, 10_000, 100
SIZE = {"train": 150, "test": 50}
FLAGS = ("--model", "resnet8", "--dataset", "shapes10", "--val-size", 40, "--batch-size", 8)
FLAGS += ("--epochs", 3, "--keep-best")
RUN = "logs/run"
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}


def test_saved_checkpoints_survive(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    calls = record([sys.executable, saves.__file__, disk], disk, env=ENVIRONMENT)
    assert not lost(calls, 1500, tmp_path / "states")
    # The disk would show it if the program did not wait for it.
    assert lost([call for call in calls if call.name != "flush"], 100, tmp_path / "careless")


def lost(calls, tries, folder):
    """The numbers of the states that lack something that `support/saves.py` has saved."""
    folder.mkdir()
    found = []
    for number, (promised, state) in enumerate(power_loss.crashes(calls, tries, SEED)):
        power_loss.write(state, folder / str(number))
        if not saves.survive(folder / str(number) / RUN, promised):
            found.append(number)
    return found


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """Those of a training that is stopped and continued to its end."""
    folder = tmp_path_factory.mktemp("power") / "disk"
    folder.mkdir()
    child = [sys.executable, ROOT / "tests/support/child.py", *SIZE.values(), "train.py"]
    start = [*child, *FLAGS, "--output-dir", folder / "logs", "--name", "run"]
    resume = [*child, "--resume", folder / RUN]
    start, resume = (shlex.join(map(str, command)) for command in (start, resume))
    script = f"STOP='on_train_batch_end 16 SIGTERM' {start}; {resume}"
    return record(["sh", "-c", script], folder, env=ENVIRONMENT | {"PROMISES": str(folder)})


@pytest.fixture(scope="module")
def original(calls, tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "disk"
    return Original(calls, folder)


def moment(state):
    return state.step, len(state.history), state.ended


class Original:
    """The recorded run: what a crashed copy of it must still have."""

    def __init__(self, calls, folder):
        disk, self.saved, self.saves = power_loss.Disk(), {}, []
        for call in calls:
            disk.repeat(call)
            if call.name == "rename" and call.other.endswith(".npz"):
                file = folder.with_suffix(".npz")
                file.write_bytes(disk.files()[call.other])
                state = read(file)
                self.saved[moment(state)] = state
                self.saves.append(moment(state))
        power_loss.write(disk.files(), folder)
        self.run = RunRecord(folder / RUN)
        self.evidence = evidence(self.run, [])
        self.good = set()

    def check(self, folder: Path, promised: list[str]) -> State | None:
        """Does with the crashed copy in `folder` what a resume does; returns where it goes on."""
        run = RunRecord(folder / RUN)
        if "config.json" not in promised and not run.folder.config.exists():
            return None
        assert run.config.to_dict() == self.run.config.to_dict()
        if "result.json" in promised or run.folder.result.exists():
            self.once(self.check_end, run, "config.json", "h*", "m*", "r*", "test/*")
        run.folder.check_resumable()
        with run.folder.lock():
            state = run.folder.checkpoints.newest(set_aside=True)
        if saves := sum(name.endswith(".npz") for name in promised):
            assert moment(state) >= self.saves[saves - 1]
        if state:
            assert not [*run.path.glob(".*.partial*"), *run.path.glob("checkpoints/.*.partial*")]
            self.once(self.check_checkpoints, run, "checkpoints/*.npz")
            closed = bool(state.history) and state.history[-1]["step"] == state.step
            position = {"step": state.step, "closed": closed}
            self.once(self.check_evidence, run, "train/*", "validation/*", "h*", **position)
        return state

    def once(self, check, run, *patterns, **position):
        """Calls `check`, unless it has found these files, in this position, good before."""
        files = sorted(path for pattern in patterns for path in run.path.glob(pattern))
        content = (
            (path.relative_to(run.path), path.read_bytes()) for path in files if path.is_file()
        )
        key = hash((check, *content, *position.values()))
        if key not in self.good:
            check(run, **position)
            self.good.add(key)

    def check_checkpoints(self, run):
        """Nothing has a good name but what was saved."""
        for file in run.folder.checkpoints.paths():
            state = read(file)
            assert saves.same(state, self.saved[moment(state)])

    def check_evidence(self, run, step, closed):
        """All charts and rows up to `step` are there, and nothing else."""
        for part in (run.folder.train, run.folder.validation):
            drop_events_after(part, step, () if closed else BY_STEP)
        found = evidence(run, [])
        wanted = {k for k in self.evidence if k[0] < step + closed}
        assert not sorted(wanted - found.keys())[:3]
        for key, value in found.items():
            assert value.tobytes() == self.evidence[key].tobytes(), key

    def check_end(self, run):
        """A run with a result has all that it would have without the crash."""
        assert is_complete(run)
        assert run.result == self.run.result
        for path in self.run.folder.test.iterdir():
            assert (run.folder.test / path.name).read_bytes() == path.read_bytes(), path.name


def remembering(read_file):
    """The same function of the content of a file: to read one with TensorFlow takes long."""
    known = {}

    def read_once(path):
        key = hash(path.read_bytes())
        if key not in known:
            known[key] = [*read_file(path)]
        return known[key]

    return read_once


@pytest.mark.slow
def test_a_whole_training(calls, original, tmp_path, monkeypatch):
    shrink_shapes10(monkeypatch, **SIZE)
    monkeypatch.setattr(events, "_read_file", remembering(events._read_file))
    states, resumed, ends = 0, 0, Counter()
    for promised, state in power_loss.crashes(calls, TRIES, SEED):
        folder = tmp_path / str(states)
        power_loss.write(state, folder)
        found = original.check(folder, promised)
        ends[moment(found)[1:] if found else "nothing was saved yet"] += 1
        if found and states % (STATES // RESUMED) == 0:
            tfresnet.train(resume=folder / RUN)
            assert_equal_runs(folder / RUN, original.run.path)
            resumed += 1
        shutil.rmtree(folder)
        states += 1
    print(f"{len(calls)} calls, {states} different states: {dict(ends)}; {resumed} resumed")
    assert states >= STATES
