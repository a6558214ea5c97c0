"""The contestants, and who meets whom in each task. Only workers load what a contestant runs."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

# What a contestant repeats: a function that does some work to its end, and how many images that
# work covers. A start-up counts as one.
Step = tuple[Callable[[], object], float]

IMAGE = (32, 32, 3)
CLASSES = 10
EVAL_BATCH = 500
EVAL_IMAGES = 10_000

# TensorFlow leaves oneDNN off on processors below AVX512-VNNI; our commands switch it on.
ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}
# By default glibc maps and clears each block of 32 MiB or more anew. A float32 activation of 128
# images of 32x32x64 is that large, which costs PyTorch up to a third of its step.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}


@dataclass(frozen=True)
class Assignment:
    """The task of one contestant. `units` to `shortcut` are those of the network in `NETWORKS`."""

    contestant: str
    task: str
    model: str
    batch_size: int
    precision: str
    units: tuple[int, ...]
    filters: tuple[int, ...]
    bottleneck: bool
    shortcut: str | None
    side: int = IMAGE[0]


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

    `make` names a module here and its function, which prepares a `Step` from an `Assignment` and
    `options`. It runs in a process with `environment`, where None unsets a variable. `needs` are
    the conditions on an `Assignment`. The report compares with the best contestant of a `rival`.
    """

    title: str
    make: str
    options: dict[str, object] = field(default_factory=dict)
    environment: dict[str, str | None] = field(default_factory=lambda: ONEDNN)
    rival: str | None = None
    package: str = "keras"
    needs: tuple[Callable[[Assignment], bool], ...] = ()

    def can(self, what: Assignment) -> bool:
        installed = importlib.util.find_spec(self.package) is not None
        return installed and all(need(what) for need in self.needs)


def _in_bfloat16(what):
    """Where ours computes in float32, bfloat16 would be slower, or is not wanted."""
    return what.precision == "mixed_bfloat16"


def _in_keras_hub(what):
    """KerasHub has no shortcut of option A, and its bottleneck strides in another convolution."""
    return what.shortcut == "B" and not what.bottleneck


_FLOAT32, _BFLOAT16 = {"dtype": "float32"}, {"dtype": "mixed_bfloat16"}
_keras = partial(Contestant, make="keras_networks:stock_step", rival="stock Keras")
_hub = partial(Contestant, make="keras_networks:hub_step", rival="KerasHub", package="keras_hub")
_pytorch = partial(Contestant, make="pytorch:step", rival="PyTorch", package="torch")

CONTESTANTS = {
    "ours": Contestant("ours, constant batch", "ours:step"),
    "remat": Contestant("ours with --remat", "ours:step", {"remat": True}),
    "muon": Contestant("ours with --opt muon", "ours:step", {"opt": "muon"}),
    "keras": _keras("stock Keras, float32", options=_FLOAT32),
    "keras-bfloat16": _keras(
        "stock Keras, mixed_bfloat16", options=_BFLOAT16, needs=(_in_bfloat16,)
    ),
    "keras-as-installed": _keras(
        "stock Keras, float32, as installed", options=_FLOAT32, environment=dict.fromkeys(ONEDNN)
    ),
    "keras-hub": _hub("KerasHub, float32", options=_FLOAT32, needs=(_in_keras_hub,)),
    "keras-hub-bfloat16": _hub(
        "KerasHub, mixed_bfloat16", options=_BFLOAT16, needs=(_in_keras_hub, _in_bfloat16)
    ),
    "pytorch": _pytorch("PyTorch", environment=KEEP_MEMORY),
    "pytorch-compiled": _pytorch(
        "PyTorch, compiled", options={"compiled": True}, environment=KEEP_MEMORY
    ),
    "pytorch-as-installed": _pytorch(
        "PyTorch, as installed", environment=dict.fromkeys(KEEP_MEMORY)
    ),
    "limit": Contestant("its convolutions alone, each in its fastest form", "forms:limit"),
    "matrix": Contestant("rate of a matrix product", "tensorflow_steps:matrix_product"),
}

# The opponents in each task. "ours" as an opponent is the training step on one constant batch.
_KERAS = ("keras", "keras-bfloat16")
_OTHERS = tuple(name for name, contestant in CONTESTANTS.items() if contestant.rival)
TASKS = {
    "training": (*_OTHERS, "muon", "limit", "matrix"),
    "pipeline": ("ours",),
    "inference": _OTHERS,
    "evaluation": _KERAS,
    "start-up": _KERAS,
    "remat": ("remat",),
}
