"""What the machine has, and what is chosen for it."""

import subprocess
import sys

import pytest

from tfresnet.system import hardware


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


def test_the_precisions_are_known_without_tensorflow():
    code = "import sys, tfresnet.system.hardware; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
