"""Who meets whom in which task. What a contestant does is loaded by its own process alone."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field

# What a contestant repeats: a function that does the work and waits for its end, and the images it
# covers; for the matrix product GFLOP instead, for a start-up one start.
Step = tuple[Callable[[], object], float]

IMAGE = (32, 32, 3)
CLASSES = 10
EVAL_BATCH = 500
EVAL_IMAGES = 10_000

# TensorFlow leaves oneDNN off on processors below AVX512-VNNI; our commands switch it on.
ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}
# glibc maps, clears and unmaps every block of 32 MiB and more anew. A float32 activation of 128
# images of 32x32x64 is just that large, and this costs PyTorch up to a third of its step.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}


@dataclass(frozen=True)
class Assignment:
    """What a contestant is to do; the last four describe the network, as in `NETWORKS`."""

    contestant: str
    task: str
    model: str
    batch_size: int
    precision: str
    units: tuple[int, ...]
    filters: tuple[int, ...]
    bottleneck: bool
    shortcut: str | None


def strided(row) -> list[tuple[int, int]]:
    """(filters, strides) of every unit of an `Assignment`, or of a row of `NETWORKS`."""
    return [
        (filters, 2 if stage and not index else 1)
        for stage, (units, filters) in enumerate(zip(row.units, row.filters, strict=True))
        for index in range(units)
    ]


@dataclass(frozen=True)
class Contestant:
    """`make`: module here and function of an `Assignment` that prepares a `Step`, in a process with
    `environment` (None: the variable is not set). `has(assignment)`: whether it has that network.
    """

    title: str
    make: str
    environment: dict[str, str | None] = field(default_factory=lambda: ONEDNN)
    package: str = "keras"
    has: Callable[[Assignment], bool] = lambda what: True

    def can(self, what: Assignment) -> bool:
        return importlib.util.find_spec(self.package) is not None and self.has(what)


def _pytorch(title, make, environment):
    return Contestant(f"PyTorch{title}", f"pytorch:{make}", environment, "torch")


CONTESTANTS = {
    "ours": Contestant("ours, constant batch", "ours:step"),
    "remat": Contestant("ours with --remat", "ours:remat_step"),
    "keras": Contestant("stock Keras, float32", "keras_networks:stock_step"),
    "keras-as-installed": Contestant(
        "stock Keras, float32, as installed", "keras_networks:stock_step", dict.fromkeys(ONEDNN)
    ),
    "keras-hub": Contestant(
        "KerasHub, float32",
        "keras_networks:hub_step",
        package="keras_hub",
        # Its bottleneck has the stride elsewhere, and it has no shortcut of option A.
        has=lambda what: what.shortcut == "B" and not what.bottleneck,
    ),
    "pytorch": _pytorch("", "step", KEEP_MEMORY),
    "pytorch-compiled": _pytorch(", compiled", "compiled_step", KEEP_MEMORY),
    "pytorch-as-installed": _pytorch(", as installed", "step", dict.fromkeys(KEEP_MEMORY)),
    "matrix": Contestant("matrix product", "tensorflow_steps:matrix_product"),
}

# Whom ours meets in each task. "ours" itself: the training step on one batch.
_OTHERS = ("keras", "keras-as-installed", "keras-hub")
_OTHERS += ("pytorch", "pytorch-compiled", "pytorch-as-installed")
TASKS = {
    "training": (*_OTHERS, "matrix"),
    "pipeline": ("ours",),
    "inference": _OTHERS,
    "evaluation": ("keras",),
    "start-up": ("keras",),
    "remat": ("remat",),
}
