"""SIGKILL at any moment loses nothing: the resumed run ends bit for bit like one never stopped.

Among the quick tests SIGTERM stands here, too; every other stop is in `test_stop.py`.
"""

import random
import signal
import time

import pytest
from support.picture_folders import make_folder
from support.processes import (
    Training,
    assert_equal_runs,
    assert_stopped,
    checkpoints,
    complete,
    is_writing,
)

EVERY_STEP = ("--checkpoint-minutes", "1e-9")


SMALL = ("--model", "resnet8", "--dataset", "shapes10", "--val-size", 40, "--batch-size", 32)
FOLDER = ("--model", "resnet8", "--dataset", "folder", "--image-size", 16, "--batch-size", 16)
LARGER = ("--model", "resnet20", "--dataset", "shapes10", "--val-size", 200, "--batch-size", 32)
# Real images in bfloat16; few, since a processor without its instructions emulates them slowly.
CIFAR10 = ("--model", "resnet20", "--dataset", "cifar10", "--precision", "mixed_bfloat16")
CIFAR10 += ("--train-size", 1280, "--val-size", 500, "--batch-size", 32)


def settings(folder, name, *more, epochs=2):
    return ("--epochs", epochs, *more, "--output-dir", folder, "--name", name)


def kill_at_a_checkpoint(training, run, write, steps):
    """Kills inside a write, or not, when the newest checkpoint is `steps` on."""
    goal = newest_step(run) + steps
    alive = training.wait_for(lambda: newest_step(run) >= goal)
    alive = alive and (not write or training.wait_for(lambda: is_writing(run), pause=0))
    assert alive, training.end()
    training.signal(signal.SIGKILL)
    training.process.wait()


def newest_step(run):
    return max((int(name[5:-4]) for name in checkpoints(run)), default=-1)


@pytest.mark.parametrize("dataset", ["shapes10", pytest.param("folder", marks=pytest.mark.slow)])
def test_a_stop_and_a_kill_change_nothing(dataset, tmp_path):
    flags = SMALL
    if dataset == "folder":
        make_folder(tmp_path / "pictures", {"train": 60, "test": 10}, ending="jpg")
        flags = (*FOLDER, "--data-dir", tmp_path / "pictures")
    complete(*settings(tmp_path, "whole", *flags))
    run = tmp_path / "killed"
    start = settings(tmp_path, "killed", *flags, *EVERY_STEP)
    with Training(*start, stop="on_train_batch_end 2 SIGTERM") as first:
        assert_stopped(first, 143, "0 epochs and 2 steps; everything is saved", run)
    with Training("--resume", run) as second:
        kill_at_a_checkpoint(second, run, write=True, steps=3)
    assert "resuming" in complete("--resume", run)
    assert_equal_runs(run, tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(LARGER, id="shapes10, float32"),
        pytest.param(CIFAR10, id="CIFAR-10, bfloat16", marks=pytest.mark.cifar10),
    ],
)
def test_twenty_kills_change_nothing(flags, tmp_path):
    size = {"images": 2200, "tests": 200}  # of shapes10
    # Long enough for twenty kills on a fast machine too.
    complete(*settings(tmp_path, "whole", *flags, epochs=6), **size)
    run, seed = tmp_path / "killed", time.time_ns()
    print(f"seed {seed}")
    rng, start = random.Random(seed), settings(tmp_path, "killed", *flags, *EVERY_STEP, epochs=6)
    kills = in_write = early = 0
    while kills < 20:
        with Training(*start, **size) as training:
            kind = kills % 4  # blind, at the start, too; the others after some progress
            if kind == 0:
                time.sleep(rng.uniform(0, 8))
                training.signal(signal.SIGKILL)
                training.process.wait()
                early += 1
            else:
                kill_at_a_checkpoint(training, run, kind != 1, rng.randint(1, 8))
        kills += 1
        in_write += is_writing(run)
        print(f"kill {kills}: {checkpoints(run)[-1:]}{' inside a write' * is_writing(run)}")
        if (run / "config.json").is_file():
            start = ("--resume", run)
    print(f"{kills} kills, {in_write} inside a write, {early} at a blind moment")
    assert in_write >= 3
    complete("--resume", run, **size)
    assert_equal_runs(run, tmp_path / "whole")
