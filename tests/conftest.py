"""Shared by all tests: TensorFlow as the commands load it, and a small data set."""

import dataclasses

import pytest

from tfresnet.scripts import load_tensorflow

load_tensorflow()


def pytest_collection_modifyitems(items):
    """The files with the longest tests first, or one process would wait for them at the end."""
    items.sort(key=lambda item: "robustness" not in item.path.parts)


@pytest.fixture(autouse=True)
def _home_of_keras(tmp_path_factory, monkeypatch):
    """No test reads or fills the user's own data folders."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))


@pytest.fixture
def small_shapes10(monkeypatch):
    """shapes10 with 320 + 40 training and 60 test images, for whole trainings in seconds."""
    from tfresnet.data import shapes10
    from tfresnet.training import job

    whole = shapes10.load()
    small = dataclasses.replace(
        whole, train=whole.train.take(range(360)), test=whole.test.take(range(60))
    )
    monkeypatch.setattr(job, "load_dataset", lambda name, data_dir=None: small)
    return small
