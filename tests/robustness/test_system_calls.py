"""Every system call that saves something fails once: what was saved before stays whole."""

import itertools
import os
import random
import re
import shutil
import sys
from collections import Counter

import pytest
from support import saves
from support.processes import ROOT, assert_equal_runs
from support.small import shrink_shapes10
from support.strace import failing, fallible

import tfresnet
from tfresnet.runs.checkpoints import Checkpoints, read

SEED = 35
ERRORS = ("EIO", "ENOSPC", "EINTR", "EDQUOT", "EMFILE")
ENVIRONMENT = {"env": os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}}
SIZE = {"train": 150, "test": 50}
FLAGS = ("--model", "resnet8", "--dataset", "shapes10", "--val-size", 40, "--batch-size", 32)
FLAGS += ("--epochs", 1, "--keep-best")


def new(folder):
    folder.mkdir()
    return folder


@pytest.mark.parametrize("cases", [3, pytest.param(None, marks=pytest.mark.slow)])
def test_a_save(cases, tmp_path):
    """Each call with each error, or some of them; see `support/saves.py`."""

    def command(disk):
        return [sys.executable, saves.__file__, new(disk)], disk

    calls = fallible(*command(tmp_path / "whole"), **ENVIRONMENT)
    every = [*itertools.product(calls, ERRORS)]
    chosen = random.Random(SEED).sample(every, cases) if cases else every
    ends = Counter()
    for number, ((call, count, path), error) in enumerate(chosen):
        disk = tmp_path / str(number)
        ended, hit = failing(*command(disk), call, count, error, **ENVIRONMENT)
        assert hit, f"{call} {count} of {path} was not reached"
        assert saves.survive(disk / "logs" / "run", ended.stdout.split()), (call, path, error)
        assert ended.returncode in (0, 1)
        if ended.returncode:
            assert re.match(r"\w*Error: \[Errno \d+\]", ended.stderr.splitlines()[-1]), ended.stderr
        ends["tried again" if ended.returncode == 0 else "stopped"] += 1
    print(f"{len(calls)} calls, {len(chosen)} failures: {dict(ends)}")


def sites(calls):
    """The first and the last of the calls of one kind on one kind of file."""
    groups: dict = {}
    for call in calls:
        groups.setdefault((call[0], re.sub(r"\d+", "N", call[2])), []).append(call)
    return [*dict.fromkeys(call for group in groups.values() for call in (group[0], group[-1]))]


@pytest.mark.slow
def test_a_training(tmp_path, monkeypatch):
    """A call of each kind on each file fails: one line, and a resume gives what was expected."""

    def command(folder):
        child = [sys.executable, ROOT / "tests/support/child.py", *SIZE.values(), "train.py"]
        flags = (*FLAGS, "--output-dir", new(folder), "--name", "run")
        return [str(part) for part in (*child, *flags)], folder

    shrink_shapes10(monkeypatch, **SIZE)
    whole = tmp_path / "whole"
    calls = sites(fallible(*command(whole), **ENVIRONMENT))
    rng, ends, wrong = random.Random(SEED), Counter(), []
    rng.shuffle(calls)
    for number, (call, count, _) in enumerate(calls):
        error, folder = rng.choice(ERRORS), tmp_path / str(number)
        ended, hit = failing(*command(folder), call, count, error, **ENVIRONMENT)
        case = f"{number}: {error} of {call} {count} on {hit}"
        try:
            ends[judge(ended, folder / "run", whole / "run") if hit else "not reached"] += 1
        except AssertionError as failure:
            wrong.append(f"{case}: {str(failure)[-500:]}")
        print(case, ended.returncode, ended.stderr[-300:], wrong[-1:], flush=True)
        shutil.rmtree(folder)
    print(f"{len(calls)} failures: {dict(ends)}")
    assert not wrong, "\n".join(wrong)


def judge(ended, run, whole):
    lines = ended.stderr.splitlines()
    for file in Checkpoints(run / "checkpoints").paths():
        read(file)
    if ended.returncode == 0:
        assert len(lines) <= 1, lines
        if not lines:
            assert_equal_runs(run, whole)
        return f"went on {'with a warning' if lines else 'as if nothing was'}"
    assert ended.returncode in (1, 2), ended.returncode
    assert len(lines) == 1, lines
    assert lines[0].startswith("train.py: ")
    if not run.exists():
        return "not begun"
    assert f"python train.py --resume {run}" in lines[0], lines
    tfresnet.train(resume=run)
    assert_equal_runs(run, whole)
    return "stopped, and resumed"
