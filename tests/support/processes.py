"""Trainings as processes: starting, watching, killing, comparing."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from support.small import without_times

ROOT = Path(__file__).parents[2]
TIMEOUT = 900  # seconds after which a process counts as hanging


class Training:
    """A process with train.py on a small shapes10; dies with the `with` block."""

    def __init__(
        self,
        *flags,
        images=300,
        tests=50,
        program="train.py",
        stop=None,
        stdout=subprocess.PIPE,
        **environment,
    ):
        command = [sys.executable, Path(__file__).with_name("child.py"), images, tests, program]
        self.process = subprocess.Popen(
            [str(part) for part in [*command, *flags]],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"PYTHONPATH": str(ROOT)}
            | ({"STOP": stop} if stop else {})
            | environment,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def wait_for(self, condition, pause=0.001) -> bool:
        """Waits until `condition()`; False if the process ended before."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, "the process hangs"
            time.sleep(pause)
        return True

    def signal(self, signum=signal.SIGKILL):
        self.process.send_signal(signum)

    def end(self):
        """(exit status, standard output, standard error) once it has ended by itself."""
        out, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out, err


def complete(*flags, **kwargs) -> str:
    """Runs a training to its end, which must be a good one; returns what it printed."""
    with Training(*flags, **kwargs) as training:
        status, out, err = training.end()
    assert (status, err) == (0, ""), err
    return out


def assert_stopped(training: Training, status: int, where: str, run: Path) -> None:
    """It ended by itself, with one line that says where and how to go on."""
    found, _, err = training.end()
    assert (found, err.count("\n")) == (status, 1), err
    assert err.startswith("train.py: stopped")
    assert where in err
    assert err.endswith(f"Go on with: python train.py --resume {run}\n")


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in run.glob("checkpoints/step-*.npz"))


def is_writing(run: Path) -> bool:
    return any(run.rglob(".*.partial*"))


def assert_equal_runs(run: Path, other: Path) -> None:
    """Weights, optimiser, history, model, result and TensorBoard's pages, bit for bit."""
    assert (run / "history.csv").read_bytes() == (other / "history.csv").read_bytes()
    results = [json.loads((path / "result.json").read_text()) for path in (run, other)]
    assert without_times(results[0]) == without_times(results[1])
    models = [zipfile.ZipFile(path / "model.keras") for path in (run, other)]
    for member in ("config.json", "model.weights.h5"):
        assert models[0].read(member) == models[1].read(member), member
    last, expected = checkpoints(run)[-1], checkpoints(other)[-1]
    assert last == expected
    a, b = (np.load(path / "checkpoints" / last) for path in (run, other))
    assert set(a.files) == set(b.files)
    arrays = [name for name in a.files if name != "position.json"]
    assert [name for name in arrays if not np.array_equal(a[name], b[name])] == []
    positions = [json.loads(x["position.json"].tobytes()) | {"seconds": None} for x in (a, b)]
    assert positions[0] == positions[1]
    for name in ("train", "validation", "test"):
        assert pages(run / name) == pages(other / name)


# What no two runs have in common: times, and names and places in the settings.
OF_A_RUN = ("time/", "memory/", "images_per_second", "run/")


def pages(folder: Path) -> list[tuple]:
    """(step, tag, content) of all in TensorBoard's event files, each as often as it is there."""
    return sorted(
        (event.step, value.tag, value.tensor.SerializeToString())
        for path in folder.glob("*tfevents*")
        for record in tf.data.TFRecordDataset(str(path))
        for event in [tf.compat.v1.Event.FromString(record.numpy())]
        for value in event.summary.value
        if not value.tag.startswith(OF_A_RUN)
    )
