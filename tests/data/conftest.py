"""Small data, and a home folder that is not the user's."""

import dataclasses
import zlib
from pathlib import Path

import numpy as np
import pytest
from support.fake_cifar10 import ROWS, FakeCifar10

from tfresnet.data import cifar10, cifar10_files
from tfresnet.data.dataset import Split


@pytest.fixture(autouse=True)
def keras_home(tmp_path, monkeypatch, request) -> Path:
    home = tmp_path / "keras_home"
    monkeypatch.setenv("KERAS_HOME", str(home))
    if not request.node.get_closest_marker("cifar10"):
        monkeypatch.delenv("TFRESNET_DATA_DIR", raising=False)
    return home


@pytest.fixture
def fake(monkeypatch) -> FakeCifar10:
    monkeypatch.setattr(cifar10_files, "ROWS", ROWS)
    fake = FakeCifar10()
    form = dataclasses.replace(cifar10.CIFAR10, crc32=zlib.crc32(fake.rows))
    monkeypatch.setattr(cifar10, "CIFAR10", form)
    return fake


@pytest.fixture
def numbered() -> Split:
    """50 images of 6x5, in which image i is 5 * i everywhere and has the label i % 10."""
    numbers = np.arange(50)
    images = np.broadcast_to(numbers[:, None, None, None] * 5, (50, 6, 5, 3)).astype(np.uint8)
    return Split(images, (numbers % 10).astype(np.int32))
