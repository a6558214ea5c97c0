"""A full disk, a read-only folder, two processes at once: the last good state stays usable."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.fake_cifar10 import ARCHIVE, FOLDER, ROWS, FakeCifar10, write_archive
from support.processes import ROOT, Training, assert_equal_runs, checkpoints, complete
from support.small_disk import fill, small_disk

FLAGS = ("--model", "resnet8", "--dataset", "shapes10", "--epochs", 1, "--val-size", 150)


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path, megabytes=40) as disk:
        yield disk


def stopped_run(folder):
    """A run in the middle of its epoch."""
    run = folder / "run"
    flags = (*FLAGS, "--batch-size", 32, "--output-dir", folder, "--name", "run")
    with Training(*flags, "--checkpoint-minutes", "1e-9") as training:
        assert training.wait_for(lambda: len(checkpoints(run)) > 1)
        training.signal(signal.SIGTERM)
        assert training.end()[0] == 143
    return run


@pytest.mark.slow
@pytest.mark.parametrize("leave", [0, 2**18], ids=["no byte left", "half a checkpoint fits"])
def test_a_full_disk_costs_nothing_that_was_saved(leave, disk, tmp_path):
    run = stopped_run(disk)
    before = checkpoints(run)
    fill(disk, leave)
    with Training("--resume", run) as training:
        status, _, err = training.end()
    assert (status, err.count("\n")) == (1, 1), err
    assert "No space left on device" in err
    assert f"Go on with: python train.py --resume {run}" in err
    assert checkpoints(run) == before
    (disk / "filler").unlink()
    complete("--resume", run)
    complete(*FLAGS, "--batch-size", 32, "--output-dir", tmp_path, "--name", "whole")
    assert_equal_runs(run, tmp_path / "whole")


def test_a_full_disk_is_no_place_for_a_cache(disk):
    code = (
        "import sys, numpy as np, pathlib; from tfresnet.data import array_cache;"
        "array_cache.store(pathlib.Path(sys.argv[1]), np.zeros(2**26, np.uint8))"
    )
    path = disk / "cache" / "big.npy"
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0
    assert "going on without a cache" in result.stderr
    assert list(path.parent.iterdir()) == []


@pytest.mark.slow
def test_a_folder_turned_read_only(disk):
    run = stopped_run(disk)
    before = checkpoints(run)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with Training("--resume", run) as training:
        status, _, err = training.end()
    assert (status, err.count("\n")) == (2, 1), err
    assert "must be writable" in err
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert checkpoints(run) == before
    complete("--resume", run)


def test_two_processes_that_read_cifar10_for_the_first_time(tmp_path):
    write_archive(tmp_path / ARCHIVE, FOLDER, FakeCifar10().pickles())
    code = (
        "import sys, hashlib; from tfresnet.data import cifar10, cifar10_files;"
        f"cifar10_files.ROWS = {ROWS}; object.__setattr__(cifar10.CIFAR10, 'crc32', None);"
        "data = cifar10.load(sys.argv[1]);"
        "print(hashlib.sha256(data.train.images.tobytes()).hexdigest())"
    )
    home = tmp_path / "home"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            env=os.environ | {"PYTHONPATH": str(ROOT), "KERAS_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    ends = [(*child.communicate(), child.returncode) for child in children]
    assert {end[1:] for end in ends} == {("", 0)}
    assert len({end[0] for end in ends}) == 1
    cached = list((home / "datasets" / "tfresnet").iterdir())
    assert [path.suffix for path in cached] == [".npy"]


@pytest.mark.slow
def test_a_second_training_is_refused_and_disturbs_nothing(tmp_path):
    run = tmp_path / "run"
    flags = (*FLAGS, "--batch-size", 32, "--output-dir", tmp_path, "--name", "run")
    # The first stands still until the second has ended.
    with Training(*flags, stop="on_train_batch_end 2 SIGSTOP") as first:
        assert first.wait_for(lambda: _is_stopped(first.process.pid), pause=0.1)
        with Training("--resume", run) as second:
            status, _, err = second.end()
        assert (status, err.count("\n")) == (2, 1), err
        assert "one training at a time" in err
        first.signal(signal.SIGCONT)
        assert first.end()[0] == 0


def _is_stopped(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
