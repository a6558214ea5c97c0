"""What a GPU's owner relies on: half precision, several devices. Seen here on a processor."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import devices
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def usual():
    return devices.trained()


def assert_alike(weights, usual, tolerance):
    assert len(weights) == len(usual)
    for a, b in zip(weights, usual, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * max(1, np.abs(b).max()))


@pytest.mark.parametrize(
    ("how", "tolerance"),
    [
        ({"remat": True}, 1e-4),
        ({"precision": "mixed_float16"}, 0.02),
        ({"precision": "mixed_bfloat16"}, 0.1),
    ],
    ids=str,
)
def test_the_weights_are_the_same(how, tolerance, usual):
    assert_alike(devices.trained(**how), usual, tolerance)


def test_the_weights_are_the_same_from_two_devices(usual, tmp_path):
    file = tmp_path / "weights.npz"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, devices.__file__, file], check=True, env=environment)
    with np.load(file) as stored:
        assert_alike([stored[name] for name in stored.files], usual, 1e-4)


@pytest.mark.slow
def test_the_weights_are_the_same_from_two_workers(usual, tmp_path):
    ports = [free_port(), free_port()]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    workers = []
    for index in range(2):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CONFIG": config}
        command = [sys.executable, devices.__file__, tmp_path / f"{index}.npz"]
        workers.append(subprocess.Popen(command, env=environment))
    assert [worker.wait(timeout=300) for worker in workers] == [0, 0]
    stored = [np.load(tmp_path / f"{index}.npz") for index in range(2)]
    for name in stored[0].files:
        np.testing.assert_array_equal(stored[0][name], stored[1][name])
    assert_alike([stored[0][name] for name in stored[0].files], usual, 1e-4)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
