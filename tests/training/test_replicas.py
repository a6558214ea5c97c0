"""What a GPU's owner relies on: half precision, several devices. Seen here on a processor."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import replicas

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def usual():
    return replicas.trained()


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
    assert_alike(replicas.trained(**how), usual, tolerance)


@pytest.mark.slow
def test_the_weights_are_the_same_from_two_devices(usual, tmp_path):
    file = tmp_path / "weights.npz"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, replicas.__file__, file], check=True, env=environment)
    with np.load(file) as stored:
        assert_alike([stored[name] for name in stored.files], usual, 1e-4)
