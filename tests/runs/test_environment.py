"""What a run was made with."""

import importlib.metadata
import os
import subprocess
import sys

import keras
import pytest

from tfresnet.runs.environment import environment


def test_versions_are_those_of_the_modules(monkeypatch):
    """With tensorflow-cpu or tf-nightly alone there is no distribution named tensorflow."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    found = environment()
    assert found["keras"] == keras.__version__
    assert {"tensorflow", "numpy", "tensorboard"} <= found.keys()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux has it")
def test_cores_are_those_that_may_be_used():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    code += "from tfresnet.system.hardware import cores; print(cores())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
