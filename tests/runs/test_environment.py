"""What a run was made with."""

import importlib.metadata

import keras

from tfresnet.runs.environment import environment


def test_versions_are_those_of_the_modules(monkeypatch):
    """With tensorflow-cpu or tf-nightly alone there is no distribution named tensorflow."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    found = environment()
    assert found["keras"] == keras.__version__
    assert {"tensorflow", "numpy", "tensorboard"} <= found.keys()
