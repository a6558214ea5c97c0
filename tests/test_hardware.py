"""What the machine has, and what is chosen for it."""

import importlib.metadata
import subprocess
import sys

import keras
import pytest

from tfresnet import hardware


def test_precision_as_asked():
    assert hardware.choose_precision("mixed_float16") == ("mixed_float16", "as asked")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx2"}, "float32"),
        ({"avx2", "avx512_bf16"}, "mixed_bfloat16"),
        ({"amx_bf16"}, "mixed_bfloat16"),
        (set(), "float32"),
    ],
)
def test_auto_precision_goes_by_the_processor(flags, expected, monkeypatch):
    monkeypatch.setattr(hardware, "processor_flags", lambda: flags)
    policy, reason = hardware.choose_precision("auto")
    assert policy == expected
    assert "the processor has" in reason


def test_versions_are_those_of_the_modules(monkeypatch):
    """With tensorflow-cpu or tf-nightly alone there is no distribution named tensorflow."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    versions = hardware.package_versions()
    assert versions["keras"] == keras.__version__
    assert set(versions) == {"tensorflow", "keras", "numpy", "tensorboard"}


def test_the_precisions_are_known_without_tensorflow():
    code = "import sys, tfresnet.hardware; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
