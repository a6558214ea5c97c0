"""What runs against what: for each contestant and task a step to repeat.

A step is (function that does the work and waits for its end, images it covers); for the matrix
product it covers GFLOP instead, for a start-up one start.
"""

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field

from tfresnet.benchmark import networks, start_up
from tfresnet.benchmark.networks import CLASSES, IMAGE

Step = tuple[Callable[[], object], float]

EVAL_BATCH = 500
EVAL_IMAGES = 10_000
TRAIN_IMAGES = 50_000
MATRIX = 4096

# TensorFlow leaves oneDNN off on processors below AVX512-VNNI; our commands switch it on.
ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}


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


@dataclass(frozen=True)
class Contestant:
    """`make(assignment)` prepares a step in a process with `environment` (None: the variable is not
    set). `has(assignment)`: whether it has that network."""

    title: str
    make: Callable[[Assignment], Step]
    environment: dict[str, str | None] = field(default_factory=lambda: ONEDNN)
    package: str = "keras"
    has: Callable[[Assignment], bool] = lambda what: True

    def can(self, what: Assignment) -> bool:
        return importlib.util.find_spec(self.package) is not None and self.has(what)


def ours(what: Assignment, remat: bool = False) -> Step:
    """tfresnet as `train.py` and `evaluate.py` run it; "pipeline": on augmented images."""
    if what.task == "start-up":
        return start_up.ours(what)
    from tfresnet.training.config import TrainConfig
    from tfresnet.training.job import build_network, prepare
    from tfresnet.training.loop import compile_model
    from tfresnet.training.step import TrainingModel

    # shapes10 is there on every machine, and has the images and classes of CIFAR-10.
    flags = {"model": what.model, "precision": what.precision, "remat": remat}
    job = prepare(TrainConfig(dataset="shapes10", **flags))
    network = build_network(job)
    if what.task == "inference":
        return _keras_inference(network)
    if what.task == "evaluation":
        return _our_evaluation(network, job.dataset)
    trained = TrainingModel(network)
    compile_model(trained, job)
    if what.task == "pipeline":
        return _fed_training(trained, what.batch_size, job.dataset)
    return _keras_training(trained, what.batch_size)


def stock_keras(what: Assignment) -> Step:
    """Keras' own layers in float32, compiled and called as its guides do."""
    return _as_the_guides_do(networks.stock_keras(what), what)


def keras_hub(what: Assignment) -> Step:
    """KerasHub's layers, in the same way."""
    return _as_the_guides_do(networks.keras_hub(what), what)


def _as_the_guides_do(network, what):
    import keras
    import numpy as np

    if what.task == "inference":
        return _keras_inference(network)
    if what.task == "evaluation":
        images = _pixels(EVAL_IMAGES).astype(np.float32)
        return (
            lambda: network.predict(images, batch_size=EVAL_BATCH, verbose=0),
            EVAL_IMAGES,
        )
    network.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    if what.task == "start-up":
        return start_up.stock_keras(network, what.batch_size)
    return _keras_training(network, what.batch_size)


def pytorch(what: Assignment) -> Step:
    """PyTorch at its best on a processor: channels last, bfloat16 by autocast where ours has it."""
    import torch

    last = {"memory_format": torch.channels_last}
    network = networks.pytorch(what).to(**last)
    low = torch.autocast("cpu", torch.bfloat16, enabled=what.precision == "mixed_bfloat16")
    if what.task == "inference":
        images = torch.randn(EVAL_BATCH, IMAGE[2], *IMAGE[:2]).to(**last)
        network.eval()

        def infer():
            with torch.inference_mode(), low:
                network(images)

        return infer, EVAL_BATCH

    images = torch.randn(what.batch_size, IMAGE[2], *IMAGE[:2]).to(**last)
    labels = torch.arange(what.batch_size) % CLASSES
    optimizer = torch.optim.SGD(
        network.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )

    def train():
        optimizer.zero_grad()
        with low:
            loss = torch.nn.functional.cross_entropy(network(images).float(), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return train, what.batch_size


def matrix_product(what: Assignment) -> Step:
    """The machine's own rate: one large product in the precision of ours, in GFLOP."""
    import tensorflow as tf

    dtype = "bfloat16" if what.precision == "mixed_bfloat16" else "float32"
    a = tf.cast(tf.random.stateless_normal((MATRIX, MATRIX), (1, 2)), dtype)
    return lambda: tf.matmul(a, a).numpy(), 2 * MATRIX**3 / 1e9


CONTESTANTS = {
    "ours": Contestant("ours", ours),
    "remat": Contestant("ours with --remat", functools.partial(ours, remat=True)),
    "keras": Contestant("stock Keras, float32", stock_keras),
    "keras-as-installed": Contestant(
        "stock Keras, float32, as installed", stock_keras, {"TF_ENABLE_ONEDNN_OPTS": None}
    ),
    "keras-hub": Contestant(
        "KerasHub, float32",
        keras_hub,
        package="keras_hub",
        # Its bottleneck has the stride elsewhere, and it has no shortcut of option A.
        has=lambda what: what.shortcut == "B" and not what.bottleneck,
    ),
    "pytorch": Contestant("PyTorch", pytorch, {}, "torch"),
    "matrix": Contestant("matrix product", matrix_product),
}

# Whom ours meets in each task. "ours" itself: the bare step on a constant batch.
TASKS = {
    "training": ("keras", "keras-as-installed", "keras-hub", "pytorch", "matrix"),
    "pipeline": ("ours",),
    "inference": ("keras", "keras-as-installed", "keras-hub", "pytorch"),
    "evaluation": ("keras",),
    "start-up": ("keras",),
    "remat": ("remat",),
}


def _keras_training(model, batch_size):
    import tensorflow as tf

    data = (
        tf.random.stateless_normal((batch_size, *IMAGE), (1, 2)),
        tf.random.stateless_uniform((batch_size,), (3, 4), 0, CLASSES, tf.int32),
    )
    step = tf.function(lambda: model.train_step(data))
    return lambda: float(step()["loss"]), batch_size


def _keras_inference(model):
    import tensorflow as tf

    images = tf.random.stateless_normal((EVAL_BATCH, *IMAGE), (1, 2))
    step = tf.function(lambda: model(images, training=False))
    return lambda: step().numpy(), EVAL_BATCH


def _our_evaluation(network, dataset):
    import numpy as np

    from tfresnet.data import Split
    from tfresnet.evaluation import evaluate_model

    images = Split(_pixels(EVAL_IMAGES), np.arange(EVAL_IMAGES, dtype=np.int32) % CLASSES)
    return lambda: evaluate_model(network, images, dataset), EVAL_IMAGES


def _fed_training(model, batch_size, dataset):
    import numpy as np
    import tensorflow as tf

    from tfresnet.data import Split, train_batches
    from tfresnet.evaluation import normalise

    labels = np.arange(TRAIN_IMAGES, dtype=np.int32) % CLASSES
    batches = train_batches(
        Split(_pixels(TRAIN_IMAGES), labels),
        batch_size=batch_size,
        seed=0,
        flip=True,
    ).map(lambda images, labels: (normalise(images, dataset), labels))
    iterator, step = iter(batches), tf.function(model.train_step)
    return lambda: float(step(next(iterator))["loss"]), batch_size


def _pixels(n):
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (n, *IMAGE), np.uint8)
