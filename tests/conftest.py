"""Shared by all tests: TensorFlow as the commands load it, and a small data set."""

import time

import pytest

from tfresnet.system.commands import load_tensorflow

load_tensorflow()


def pytest_addoption(parser):
    parser.addoption("--times", type=float, default=1, help="kills, cases, minutes: times as many")
    parser.addoption("--seed", type=int, default=time.time_ns(), help="of kills, cases, troubles")


@pytest.fixture
def times(request):
    """How many times the usual work a slow test is to do."""
    return request.config.getoption("--times")


@pytest.fixture
def seed(request):
    """That of a test whose choices are new each time."""
    return request.config.getoption("--seed")


def pytest_collection_modifyitems(items):
    """The files with the longest tests first, or one process would wait for them at the end."""
    first = ["robustness", "training"]
    items.sort(key=lambda item: [folder not in item.path.parts for folder in first])


@pytest.fixture(autouse=True)
def _home_of_keras(tmp_path_factory, monkeypatch):
    """No test reads or fills the user's own data folders."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))


@pytest.fixture
def small_shapes10(monkeypatch):
    """shapes10 with 360 training and 60 test images, for whole trainings in seconds."""
    from support.small import shrink_shapes10

    shrink_shapes10(monkeypatch)


@pytest.fixture
def small_model(monkeypatch):
    """Every network has two layers: for tests of what a training does, whatever it trains."""
    from support.small import shrink_networks

    shrink_networks(monkeypatch)


@pytest.fixture
def settings_with_pages(tmp_path, small_shapes10):
    """Those of a run of two epochs of five steps."""
    return {
        "model": "resnet8",
        "dataset": "shapes10",
        "val_size": 40,
        "batch_size": 64,
        "epochs": 2,
        "output_dir": str(tmp_path / "logs"),
        "name": "run",
    }


@pytest.fixture
def tiny(settings_with_pages, monkeypatch):
    """A function of settings to the `TrainConfig` of a run of one such epoch, without pages."""
    from support.small import leave_pages_out

    from tfresnet import TrainConfig

    leave_pages_out(monkeypatch)
    settings = settings_with_pages | {"epochs": 1}
    return lambda **more: TrainConfig(**settings | more)
