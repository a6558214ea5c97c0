"""SIGKILL at any moment loses nothing: the resumed run ends bit for bit like one never stopped.

Among the quick tests SIGTERM stands here, too; every other stop is in `test_stop.py`.
"""

import random
import signal
import time
from collections import Counter

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
SMALL += ("--histograms", 1)
FOLDER = ("--model", "resnet8", "--dataset", "folder", "--image-size", 16, "--batch-size", 16)
LARGER = ("--model", "resnet20", "--dataset", "shapes10", "--val-size", 200, "--batch-size", 32)
# Real images in bfloat16; few, since a processor without its instructions emulates them slowly.
CIFAR10 = ("--model", "resnet20", "--dataset", "cifar10", "--precision", "mixed_bfloat16")
CIFAR10 += ("--train-size", 1280, "--val-size", 500, "--batch-size", 32)


def settings(folder, name, *more, epochs=2):
    return ("--epochs", epochs, *more, "--output-dir", folder, "--name", name)


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
        assert second.wait_for(lambda: newest_step(run) >= 5), second.end()
        assert second.wait_for(lambda: is_writing(run), pause=0), second.end()
        second.signal(signal.SIGKILL)
        second.process.wait()
    assert "resuming" in complete("--resume", run)
    assert_equal_runs(run, tmp_path / "whole")


KILLS = 20  # of one run
SIZE = {"images": 2200, "tests": 200}  # of shapes10
EPOCHS = 6  # enough for twenty kills on a fast machine too


class Killer:
    """Kills the trainings of one run at random moments; `whole` is the same run, never stopped."""

    def __init__(self, run, rng, whole, began):
        self.run, self.rng = run, rng
        first = (whole / "history.csv").read_text().splitlines()[1].split(",")
        self.steps_per_epoch = int(first[1])
        config, model, result = (
            (whole / name).stat().st_mtime for name in ("config.json", "model.keras", "result.json")
        )
        self.seconds = {"blind": 2 * (config - began), "test": 0.8 * (result - model)}
        self.seconds |= {"validation": 0.5, "step": 0.2, "write": 0}

    def kill(self, start, aim):
        """Starts or resumes the training and kills it; what it was doing, by the files that it has
        left. None if it ended before."""
        began = time.time()
        flags = ("--resume", self.run) if (self.run / "config.json").is_file() else start
        with Training(*flags, **SIZE) as training:
            alive = training.wait_for(self.condition(aim, lambda path: _written(path) > began))
            time.sleep(self.rng.uniform(0, self.seconds[aim]))
            if aim == "write":
                alive = training.wait_for(lambda: is_writing(self.run), pause=0)
            if not alive or training.process.poll() is not None:
                assert training.end()[0] == 0, training.end()
                return None
            training.signal(signal.SIGKILL)
            training.process.wait()
        return self.moments(lambda path: _written(path) > began)

    def condition(self, aim, is_fresh):
        goal = newest_step(self.run) + self.rng.randint(1, 8)
        goal = min(goal, EPOCHS * self.steps_per_epoch)
        return {
            "blind": lambda: True,
            "write": lambda: newest_step(self.run) >= goal,
            "step": lambda: newest_step(self.run) >= goal,
            "validation": lambda: self.is_validating(is_fresh),
            "test": lambda: is_fresh(self.run / "model.keras"),
        }[aim]

    def is_validating(self, is_fresh):
        """An epoch has its last step, and no row in the history yet."""
        history, step = self.run / "history.csv", newest_step(self.run)
        rows = len(history.read_text().splitlines()) - 1 if history.exists() else 0
        newest = self.run / "checkpoints" / f"step-{step:09d}.npz"
        return is_fresh(newest) and step == (rows + 1) * self.steps_per_epoch

    def moments(self, is_fresh):
        if is_fresh(self.run / "model.keras"):
            found = ["in the test"]
        elif self.is_validating(is_fresh):
            found = ["in a validation"]
        else:
            trained = any(map(is_fresh, self.run.glob("checkpoints/step-*.npz")))
            found = ["in an epoch" if trained else "at the start"]
        return found + ["in a write"] * any(map(is_fresh, self.run.rglob(".*.partial*")))


def _written(path):
    return path.stat().st_mtime if path.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param((*LARGER, "--precision", "float32"), id="shapes10, float32"),
        pytest.param((*LARGER, "--precision", "mixed_bfloat16"), id="shapes10, bfloat16"),
        pytest.param(CIFAR10, id="CIFAR-10, bfloat16", marks=pytest.mark.cifar10),
    ],
)
def test_kills_change_nothing(flags, seed, tmp_path):
    """Twenty: a third of them inside a write, a sixth after the training, in the test."""
    began, rng, counts = time.time(), random.Random(seed), Counter()
    complete(*settings(tmp_path, "whole", *flags, epochs=EPOCHS), **SIZE)
    killer = Killer(tmp_path / "killed", rng, tmp_path / "whole", began)
    start = settings(tmp_path, "killed", *flags, *EVERY_STEP, epochs=EPOCHS)
    while counts["kills"] < KILLS:
        is_trained = newest_step(killer.run) == EPOCHS * killer.steps_per_epoch
        aim = rng.choice(["blind", "step", "validation"])
        if 3 * counts["in a write"] <= counts["kills"]:
            aim = "write"
        if is_trained or 6 * counts["kills"] >= 5 * KILLS:
            aim = "test"
        if (moments := killer.kill(start, aim)) is None:
            break  # the last kill came too late
        counts.update(["kills", *moments])
        print(f"kill {counts['kills']} {checkpoints(killer.run)[-1:]}: {', '.join(moments)}")
    print(f"seed {seed}: {dict(counts)}")
    assert counts["kills"] >= 0.8 * KILLS
    assert 3 * counts["in a write"] >= 0.8 * counts["kills"]
    complete("--resume", killer.run, **SIZE)
    assert_equal_runs(killer.run, tmp_path / "whole")
