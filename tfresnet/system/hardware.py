"""The processor, its memory, and the arithmetic that is fastest on it."""

import functools
import os
import platform
import re
import time
from contextlib import suppress
from pathlib import Path

# Instruction sets that multiply bfloat16; without one it is emulated, and slower than float32
# (https://github.com/tensorflow/tensorflow/issues/42422).
_BF16_FLAGS = ("avx512_bf16", "amx_bf16")
# What oneDNN leaves unused below a value of its ONEDNN_MAX_CPU_ISA, from the highest value down.
_ABOVE = {"AMX": "amx_bf16", "BF16|FP16|AVX10": "avx512_bf16", "AVX512": "avx512f"}
# Instruction set -> kind of processor in `layers/conv_forms.json`.
_MEASURED = {"amx_bf16": "amx", "avx512_bf16": "avx512_bf16"}


def choose_precision(precision: str) -> tuple[str, str]:
    """Returns (Keras dtype policy, reason) for the setting `precision`. "auto" is mixed_bfloat16
    where a GPU or the processor multiplies bfloat16 in hardware, else float32."""
    if precision != "auto":
        return precision, "as asked"
    import tensorflow as tf  # here, because the command line is parsed without it

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        major, minor = details.get("compute_capability", (0, 0))
        policy = "mixed_bfloat16" if major >= 8 else "float32"
        return policy, f"GPU of compute capability {major}.{minor}; bfloat16 needs 8.0"
    found = [flag for flag in _BF16_FLAGS if flag in processor_flags()]
    if found:
        return "mixed_bfloat16", f"the processor has {' and '.join(found)}"
    return "float32", f"the processor has neither {' nor '.join(_BF16_FLAGS)}"


def choose_conv_forms(forms: str) -> str:
    """The kind of processor whose forms of convolutions are taken for the setting `conv_forms`:
    "library" for a GPU, and as "auto" for a processor that nobody measured."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return "library"
    if forms != "auto":
        return forms
    flags = processor_flags()
    if found := [kind for flag, kind in _MEASURED.items() if flag in flags]:
        return found[0]
    return "avx2" if "avx2" in flags and "avx512f" not in flags else "library"


@functools.cache
def processor_flags() -> set[str]:
    """Instruction sets of the first processor that oneDNN may use; empty outside Linux."""
    flags = set(_read("/proc/cpuinfo", "flags").split())
    highest = (os.environ.get("ONEDNN_MAX_CPU_ISA") or "DEFAULT").upper()
    for names, more in _ABOVE.items():
        if re.search(f"DEFAULT|ALL|{names}", highest):
            break
        flags.discard(more)
    return flags


def processor_name() -> str:
    return _read("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()


def cores() -> int:
    """Processors that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(usable(0)) if usable else os.cpu_count() or 1


class OtherWork:
    """Measures how many cores other programs keep busy, from its construction on."""

    def __init__(self):
        self._began, self._busy = time.perf_counter(), self._others()

    def cores(self) -> float | None:
        """The average number so far; None outside Linux."""
        seconds, busy = time.perf_counter() - self._began, self._others()
        return None if busy is None else max(0.0, (busy - self._busy) / seconds)

    @staticmethod
    def _others():
        """Processor seconds of all other programs since the start of the machine."""
        try:
            counts = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
            user, nice, system, _, _, interrupts, softirq, steal = map(int, counts[:8])
        except (OSError, ValueError):
            return None
        ticks = user + nice + system + interrupts + softirq + steal
        return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def free_memory() -> int:
    """Free bytes of the machine, or of the container if that has fewer; 0 if unknown."""
    free = [1024 * int((_read("/proc/meminfo", "MemAvailable") or "0").split()[0])]
    with suppress(OSError, ValueError):  # no container, or one without a limit
        files = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
        limit, used = (int(file.read_text()) for file in files)
        free.append(limit - used)
    return max(0, min(free))


def _read(path, key):
    """The value of the first line `key: value` in a file; "" without one."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")
