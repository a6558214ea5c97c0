"""What a training runs on: the arithmetic that pays here, and the processor."""

import os
import platform
import time
from contextlib import suppress
from pathlib import Path

# Instruction sets with products of bfloat16; without one of them it is emulated, and slower
# (https://github.com/tensorflow/tensorflow/issues/42422).
_BF16_FLAGS = ("avx512_bf16", "amx_bf16")


def choose_precision(precision: str) -> tuple[str, str]:
    """(Keras dtype policy, reason in words) for the setting `precision`.

    "auto" is mixed_bfloat16 where a GPU or the processor multiplies bfloat16 in hardware and
    float32 elsewhere; any other setting is taken as it is.
    """
    if precision != "auto":
        return precision, "as asked"
    import tensorflow as tf  # here, because the flags of the commands are read without it

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        major, minor = tf.config.experimental.get_device_details(gpus[0]).get(
            "compute_capability", (0, 0)
        )
        policy = "mixed_bfloat16" if major >= 8 else "float32"
        return policy, f"GPU of compute capability {major}.{minor}; bfloat16 needs 8.0"
    found = [flag for flag in _BF16_FLAGS if flag in processor_flags()]
    if found:
        return "mixed_bfloat16", f"the processor has {' and '.join(found)}"
    return "float32", f"the processor has neither {' nor '.join(_BF16_FLAGS)}"


def processor_flags() -> set[str]:
    """Instruction set names of the first processor; empty where Linux does not tell them."""
    return set(_read("/proc/cpuinfo", "flags").split())


def processor_name() -> str:
    return _read("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()


def cores() -> int:
    """Processors that this program may use."""
    usable = getattr(os, "sched_getaffinity", None)  # on Linux
    return len(usable(0)) if usable else os.cpu_count() or 1


class OtherWork:
    """How many cores other programs of this machine keep busy, from now on."""

    def __init__(self):
        self._began, self._busy = time.perf_counter(), self._others()

    def cores(self) -> float | None:
        """On average so far; None where Linux does not tell it."""
        seconds, busy = time.perf_counter() - self._began, self._others()
        return None if busy is None else max(0.0, (busy - self._busy) / seconds)

    @staticmethod
    def _others():
        """Processor seconds of all other programs since the machine was started."""
        try:
            counts = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
            user, nice, system, _, _, interrupts, softirq, steal = map(int, counts[:8])
        except (OSError, ValueError):
            return None
        ticks = user + nice + system + interrupts + softirq + steal
        return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def free_memory() -> int:
    """Bytes that programs can still have, in the container where there is one; 0 if unknown."""
    free = [1024 * int((_read("/proc/meminfo", "MemAvailable") or "0").split()[0])]
    with suppress(OSError, ValueError):  # no container, or one without a limit
        limit, used = (
            int(Path("/sys/fs/cgroup", name).read_text())
            for name in ("memory.max", "memory.current")
        )
        free.append(limit - used)
    return max(0, min(free))


def _read(path, key):
    """What the first line of a file of Linux that begins with `key` says; "" without any."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")
