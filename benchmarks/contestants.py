"""Who meets whom in which task. What a contestant does is loaded by its own process alone."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

# What a contestant repeats: a function that does the work and waits for its end, and the images it
# covers; for a start-up, one start.
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
    """One side of a pairing.

    `make`: module here and function of an `Assignment` and `options` that prepares a `Step`, in a
    process with `environment` (None: the variable is not set). `rival`: whose best contestant the
    report compares with; None: nobody's. `has(assignment)`: whether it takes part in that.
    """

    title: str
    make: str
    options: dict[str, object] = field(default_factory=dict)
    environment: dict[str, str | None] = field(default_factory=lambda: ONEDNN)
    rival: str | None = None
    package: str = "keras"
    has: Callable[[Assignment], bool] = lambda what: True

    def can(self, what: Assignment) -> bool:
        return importlib.util.find_spec(self.package) is not None and self.has(what)


def _in_bfloat16(what):
    """Others compute in bfloat16 where ours does: on other processors float32 is faster."""
    return what.precision == "mixed_bfloat16"


def _in_keras_hub(what):
    """Its bottleneck has the stride elsewhere, and it has no shortcut of option A."""
    return what.shortcut == "B" and not what.bottleneck


_FLOAT32, _BFLOAT16 = {"dtype": "float32"}, {"dtype": "mixed_bfloat16"}
_keras = partial(Contestant, make="keras_networks:stock_step", rival="stock Keras")
_keras_hub = partial(
    Contestant, make="keras_networks:hub_step", rival="KerasHub", package="keras_hub"
)
_pytorch = partial(Contestant, make="pytorch:step", rival="PyTorch", package="torch")

CONTESTANTS = {
    "ours": Contestant("ours, constant batch", "ours:step"),
    "remat": Contestant("ours with --remat", "ours:step", {"remat": True}),
    "keras": _keras("stock Keras, float32", options=_FLOAT32),
    "keras-bfloat16": _keras("stock Keras, mixed_bfloat16", options=_BFLOAT16, has=_in_bfloat16),
    "keras-as-installed": _keras(
        "stock Keras, float32, as installed", options=_FLOAT32, environment=dict.fromkeys(ONEDNN)
    ),
    "keras-hub": _keras_hub("KerasHub, float32", options=_FLOAT32, has=_in_keras_hub),
    "keras-hub-bfloat16": _keras_hub(
        "KerasHub, mixed_bfloat16",
        options=_BFLOAT16,
        has=lambda what: _in_keras_hub(what) and _in_bfloat16(what),
    ),
    "pytorch": _pytorch("PyTorch", environment=KEEP_MEMORY),
    "pytorch-compiled": _pytorch(
        "PyTorch, compiled", options={"compiled": True}, environment=KEEP_MEMORY
    ),
    "pytorch-as-installed": _pytorch(
        "PyTorch, as installed", environment=dict.fromkeys(KEEP_MEMORY)
    ),
    "matrix": Contestant("rate of a matrix product", "tensorflow_steps:matrix_product"),
}

# Whom ours meets in each task. "ours" itself: the training step on one batch.
_KERAS = ("keras", "keras-bfloat16")
_OTHERS = tuple(name for name, contestant in CONTESTANTS.items() if contestant.rival)
TASKS = {
    "training": (*_OTHERS, "matrix"),
    "pipeline": ("ours",),
    "inference": _OTHERS,
    "evaluation": _KERAS,
    "start-up": _KERAS,
    "remat": ("remat",),
}
