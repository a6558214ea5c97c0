"""A full disk, a read-only folder, two processes at once: the last good state stays usable."""

import os
import signal
import subprocess
import sys

import pytest
from processes import ROOT, Training, assert_equal_runs, checkpoints, complete

FLAGS = ("--model", "resnet20", "--dataset", "shapes10", "--epochs", 1, "--val-size", 150)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 40 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def stopped_run(folder):
    """A run in the middle of its epoch."""
    run = folder / "run"
    flags = (*FLAGS, "--batch-size", 32, "--output-dir", folder, "--name", "run")
    with Training(*flags, "--checkpoint-minutes", "1e-9") as training:
        assert training.wait_for(lambda: len(checkpoints(run)) > 1)
        training.signal(signal.SIGTERM)
        assert training.end()[0] == 143
    return run


def fill(disk):
    with open(disk / "filler", "wb") as file:
        try:
            while True:
                file.write(bytes(4096))
                file.flush()
        except OSError:
            pass


@pytest.mark.slow
def test_a_full_disk_costs_nothing_that_was_saved(small_disk, tmp_path):
    run = stopped_run(small_disk)
    before = checkpoints(run)
    fill(small_disk)
    with Training("--resume", run) as training:
        status, _, err = training.end()
    assert (status, err.count("\n")) == (1, 1), err
    assert "No space left on device" in err
    assert f"Go on with: python train.py --resume {run}" in err
    assert checkpoints(run) == before
    (small_disk / "filler").unlink()
    complete("--resume", run)
    complete(*FLAGS, "--batch-size", 32, "--output-dir", tmp_path, "--name", "whole")
    assert_equal_runs(run, tmp_path / "whole")


def test_a_full_disk_is_no_place_for_a_cache(small_disk):
    code = (
        "import sys, numpy as np, pathlib; from tfresnet.data import array_cache;"
        "array_cache.store(pathlib.Path(sys.argv[1]), np.zeros(2**26, np.uint8))"
    )
    path = small_disk / "cache" / "big.npy"
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0
    assert "going on without a cache" in result.stderr
    assert list(path.parent.iterdir()) == []
