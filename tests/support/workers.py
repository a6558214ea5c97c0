"""train.py on several devices; as a program, one worker that trains and stores what it has seen.

python workers.py FILE.npz FLAG...   trains; stores losses by step, and weights with moving averages

It takes part in what TF_CONFIG names. With CPUS=2 in the environment it has two logical devices,
with HANGS=N it hangs after its N-th step. HANG_SECONDS is how long the others then wait.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
TIMEOUT = 600  # seconds after which a worker counts as hanging
SMALL = ("--dataset", "shapes10", "--precision", "float32", "--val-size", 41, "--batch-size", 8)


class Worker:
    """A process of its own with one worker, by `launcher` if given; dies with the `with` block."""

    def __init__(self, file: Path, flags, launcher=(), **environment):
        self.file = file
        self.process = subprocess.Popen(
            [str(part) for part in (*launcher, sys.executable, __file__, file, *flags)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"} | environment,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def end(self, timeout=TIMEOUT):
        """(exit status, standard output, standard error) once it has ended by itself."""
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, err

    def seen(self):
        """What it stored, after a good end."""
        status, _, err = self.end()
        assert (status, err) == (0, ""), err
        with np.load(self.file) as stored:
            return {name: stored[name] for name in stored.files}


def two_workers(folder: Path, flags, other: dict | None = None) -> list[Worker]:
    """Two of them on free ports; each stores into a file of its own in `folder`. `other`: what the
    second has in its environment, too."""
    with socket.create_server(("", 0)) as one, socket.create_server(("", 0)) as another:
        ports = [server.getsockname()[1] for server in (one, another)]
    configs = tf_configs([f"127.0.0.1:{port}" for port in ports])
    environments = {}, other or {}
    return [
        Worker(folder / f"{index}.npz", flags, **{"TF_CONFIG": config} | environments[index])
        for index, config in enumerate(configs)
    ]


def tf_configs(addresses: list[str]) -> list[str]:
    """TF_CONFIG of each worker."""
    cluster = {"worker": addresses}
    tasks = [{"type": "worker", "index": index} for index in range(len(addresses))]
    return [json.dumps({"cluster": cluster, "task": task}) for task in tasks]


def trained(train, flags: list[str]) -> dict:
    """What a training through train.py's `main` has seen."""
    from tfresnet.training import loop

    losses = []

    class Step(loop.TrainStep):
        def __call__(self, *args, **kwargs):
            measured = super().__call__(*args, **kwargs)
            losses.append(measured.loss)
            if str(len(losses)) == os.environ.get("HANGS"):
                time.sleep(TIMEOUT)
            return measured

    loop.TrainStep, usual = Step, loop.TrainStep
    try:
        model = train(flags).model
    finally:
        loop.TrainStep = usual
    weights = {f"weight {number}": value for number, value in enumerate(model.get_weights())}
    return {"losses": np.array(losses)} | weights


def main():
    from tfresnet.system import commands

    commands.load_tensorflow()
    import tensorflow as tf

    from tfresnet.data import shapes10
    from tfresnet.system import devices
    from train import main as train

    devices.HANG_SECONDS = int(os.environ.get("HANG_SECONDS", devices.HANG_SECONDS))

    # So that the last batches are no equal parts.
    shapes10.TRAIN, shapes10.TEST = 361, int(os.environ.get("TESTS", 61))
    if cpus := os.environ.get("CPUS"):
        processor = tf.config.list_physical_devices("CPU")[0]
        logical = [tf.config.LogicalDeviceConfiguration()] * int(cpus)
        tf.config.set_logical_device_configuration(processor, logical)
    np.savez(sys.argv[1], **trained(train, sys.argv[2:]))


if __name__ == "__main__":
    from tfresnet.system import commands

    signal.signal(signal.SIGINT, signal.default_int_handler)
    commands.run(main, "train.py")
