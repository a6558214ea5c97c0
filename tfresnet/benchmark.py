"""Throughput against the same network of stock Keras layers, by turns in one process.

    python -m tfresnet.benchmark                          # resnet20 and resnet18, CIFAR-10 size
    python -m tfresnet.benchmark --model resnet50 --rounds 7 --json speed.json

The speed of a shared machine changes from minute to minute. So every round measures all
contestants one after the other, and what is quoted is the median of the rounds' ratios.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from tfresnet.cli import ArgumentParser
from tfresnet.scripts import load_tensorflow, run

IMAGE = (32, 32, 3)
CLASSES = 10


@dataclass(frozen=True)
class Comparison:
    """What one contest gave: images/s of both in each round."""

    model: str
    what: str
    ours: list[float]
    other: list[float]
    other_name: str

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.other, strict=True)]

    def row(self) -> str:
        ratio = statistics.median(self.ratios)
        return (
            f"{self.model:10} {self.what:14} {statistics.median(self.ours):8.0f} "
            f"{statistics.median(self.other):8.0f}   {ratio:5.2f}  "
            f"{min(self.ratios):.2f} to {max(self.ratios):.2f}   {self.other_name}"
        )


def compare(model: str, what: str, other_name: str, ours, other, rounds: int) -> Comparison:
    """Measures two (step, images a step) pairs by turns; each step is called once before."""
    for step, _ in (ours, other):
        step()
    speeds = [[], []]
    for _ in range(rounds):
        for (step, images), found in zip((ours, other), speeds, strict=True):
            found.append(_speed(step, images))
    return Comparison(model, what, *speeds, other_name)


def _speed(step: Callable[[], object], images: int, seconds: float = 2.0) -> float:
    """Images/s over about `seconds`, at least two steps."""
    began, steps = time.perf_counter(), 0
    while steps < 2 or time.perf_counter() - began < seconds:
        step()
        steps += 1
    return images * steps / (time.perf_counter() - began)


def stock_network(name: str):
    """The network of `tfresnet.models.resnet.NETWORKS` from Keras' own layers alone."""
    from keras import Input, Model, layers

    from tfresnet.models.resnet import NETWORKS

    network = NETWORKS[name]
    expansion = 4 if network.bottleneck else 1

    def conv_bn(x, filters, size, strides=1, relu=True):
        x = layers.Conv2D(filters, size, strides, "same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.ReLU()(x) if relu else x

    def unit(x, filters, strides):
        y = conv_bn(x, filters, 1 if network.bottleneck else 3, strides)
        if network.bottleneck:
            y = conv_bn(y, filters, 3)
        y = conv_bn(y, filters * expansion, 1 if network.bottleneck else 3, relu=False)
        if strides > 1 or x.shape[-1] != y.shape[-1]:
            x = conv_bn(x, filters * expansion, 1, strides, relu=False)
        return layers.ReLU()(layers.Add()([x, y]))

    images = Input(IMAGE)
    x = conv_bn(images, network.filters[0], 3)
    for stage, (units, filters) in enumerate(zip(network.units, network.filters, strict=True)):
        for index in range(units):
            x = unit(x, filters, 2 if stage and not index else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(images, layers.Dense(CLASSES)(x))


def our_model(name: str, precision: str):
    """The network as `tfresnet.train` builds and compiles it."""
    from tfresnet.training.config import TrainConfig
    from tfresnet.training.job import build_network, prepare
    from tfresnet.training.loop import compile_model
    from tfresnet.training.step import TrainingModel

    # shapes10 is there on every machine, and has the images and classes of CIFAR-10.
    job = prepare(TrainConfig(model=name, dataset="shapes10", precision=precision))
    model = TrainingModel(build_network(job))
    compile_model(model, job)
    return model


def stock_model(name: str):
    import keras

    model = stock_network(name)
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    return model


def training_step(model, batch_size: int) -> tuple[Callable[[], object], int]:
    """(a bare compiled training step on one constant batch, images a step)."""
    import tensorflow as tf

    data = (
        tf.random.stateless_normal((batch_size, *IMAGE), (1, 2)),
        tf.random.stateless_uniform((batch_size,), (3, 4), 0, CLASSES, tf.int32),
    )
    step = tf.function(lambda: model.train_step(data))
    return lambda: float(step()["loss"]), batch_size


def inference_step(model, batch_size: int = 500) -> tuple[Callable[[], object], int]:
    """(a compiled forward pass on one constant batch, images a step)."""
    import tensorflow as tf

    images = tf.random.stateless_normal((batch_size, *IMAGE), (1, 2))
    step = tf.function(lambda: model(images, training=False))
    return lambda: step().numpy(), batch_size


def fed_training_step(model, batch_size: int) -> tuple[Callable[[], object], int]:
    """(a training step on augmented batches of 50,000 images, images a step)."""
    import numpy as np
    import tensorflow as tf

    from tfresnet.data import Split, train_batches

    pixels = np.random.default_rng(0).integers(0, 256, (50_000, *IMAGE), np.uint8)
    split = Split(pixels, np.arange(50_000, dtype=np.int32) % CLASSES)
    batches = iter(
        train_batches(
            split, batch_size=batch_size, seed=0, mean=(0.5,) * 3, std=(0.25,) * 3, flip=True
        )
    )
    step = tf.function(model.train_step)
    return lambda: float(step(next(batches))["loss"]), batch_size


def benchmark(model: str, *, batch_size: int, precision: str, rounds: int) -> list[Comparison]:
    """All contests for one network."""
    ours, stock = our_model(model, precision), stock_model(model)
    step = training_step(ours, batch_size)
    others = "stock Keras, float32"
    return [
        compare(model, "training step", others, step, training_step(stock, batch_size), rounds),
        compare(model, "inference", others, inference_step(ours), inference_step(stock), rounds),
        compare(
            model,
            "with pipeline",
            "ours, bare step",
            fed_training_step(ours, batch_size),
            step,
            rounds,
        ),
    ]


def main(argv: list[str] | None = None) -> list[Comparison]:
    parser = ArgumentParser(prog="benchmark", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", nargs="+", default=["resnet20", "resnet18"], help="networks")
    parser.add_argument("--batch-size", type=int, default=128, help="images a training step")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--precision", default="auto", help="arithmetic of our side")
    parser.add_argument("--json", metavar="FILE", help="also write all figures to a file")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error(f"--rounds must be at least 1. Received: {args.rounds}")
    load_tensorflow()
    from tfresnet.atomic import write_text
    from tfresnet.training.precision import choose_precision, processor_name

    print(f"{processor_name()}, precision {' '.join(choose_precision(args.precision))}")
    print(f"{'network':10} {'images/s':14} {'ours':>8} {'other':>8}   ratio  spread         other")
    results = []
    for model in args.model:
        for result in benchmark(
            model, batch_size=args.batch_size, precision=args.precision, rounds=args.rounds
        ):
            print(result.row(), flush=True)
            results.append(result)
    if args.json:
        content = {"processor": processor_name(), "results": [asdict(r) for r in results]}
        write_text(args.json, json.dumps(content, indent=2) + "\n")
    return results


if __name__ == "__main__":
    run(main, "benchmark")
