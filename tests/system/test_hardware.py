"""What the machine has, and what is chosen for it."""

import os
import subprocess
import sys
import time
from pathlib import Path

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


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        ("SSE41", {"avx2"}),
        ("avx2_vnni", {"avx2"}),
        ("AVX512_CORE", {"avx2", "avx512f"}),
        ("AVX512_CORE_FP16", {"avx2", "avx512f", "avx512_bf16"}),
        ("AVX10_1_512_AMX", {"avx2", "avx512f", "avx512_bf16", "amx_bf16"}),
        ("DEFAULT", {"avx2", "avx512f", "avx512_bf16", "amx_bf16"}),
    ],
)
def test_instructions_that_onednn_must_not_use_do_not_count(highest, expected, monkeypatch):
    found = "avx2 avx512f avx512_bf16 amx_bf16"
    monkeypatch.setattr(hardware, "_read", lambda *_: found)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", highest)
    hardware.processor_flags.cache_clear()
    assert hardware.processor_flags() == expected
    hardware.processor_flags.cache_clear()


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux alone tells it")
def test_work_of_other_programs_is_counted_without_ones_own():
    others = hardware.OtherWork()
    command = [sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(command) as busy:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        spent = others.cores()
        busy.kill()
    assert 0 < spent <= os.cpu_count()


def test_work_of_other_programs_is_unknown_elsewhere(monkeypatch):
    monkeypatch.setattr(hardware.Path, "read_text", lambda *_: "intr 1 2 3")
    assert hardware.OtherWork().cores() is None


def test_the_precisions_are_known_without_tensorflow():
    code = "import sys, tfresnet.system.hardware; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
