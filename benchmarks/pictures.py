"""Measure what a training pays for reading its images from picture files.

    python -m benchmarks.pictures DIR --image-size 64 --json pictures.json

The same training step takes turns on four inputs: one constant batch, an array of all images,
decoded pictures kept in memory, and pictures read from their files each time.
"""

import itertools
import resource
import statistics
import time

from tfresnet.system.arguments import ArgumentParser, at_least_1, existing, output_file
from tfresnet.system.commands import load_tensorflow, run
from tfresnet.system.hardware import processor_name
from tfresnet.system.tables import text_table

WARM_UP = 5  # untimed steps that use up the batches prepared during another input's turn
KINDS = ("one batch", "an array", "pictures kept", "pictures read")


def measure(config, rounds: int, steps: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of a step by kind of input: one figure a round for the step, for waiting for
    its input, and for all processors together. The last is the steadiest on a shared machine.

    Raises:
        InputError: impossible settings or missing data.
    """
    from tfresnet.training.learner import Learner
    from tfresnet.training.setup import fit_to_machine, load_material
    from tfresnet.training.step import TrainStep

    config, _ = fit_to_machine(config.resolved())
    config, material = load_material(config)
    learner = Learner.build(config, material.dataset)
    step = TrainStep(learner.network, learner.optimizer, config.label_smoothing)
    inputs = _inputs(config, material.train)
    found = {kind: {"step": [], "input": [], "processors": []} for kind in KINDS}
    for _, kind in itertools.product(range(rounds), KINDS):
        waited = 0.0
        for number in range(-WARM_UP, steps):
            if number == 0:
                began, used, waited = time.perf_counter(), time.process_time(), 0.0
            asked = time.perf_counter()
            batch = next(inputs[kind])
            waited += time.perf_counter() - asked
            step(*batch, 0.0)
        totals = time.perf_counter() - began, waited, time.process_time() - used
        for figure, total in zip(found[kind].values(), totals, strict=True):
            figure.append(1000 * total / steps)
    return found


def _inputs(config, split):
    from tfresnet.data import Split, train_batches
    from tfresnet.data.pictures import Memory, Pictures

    side = config.image_size
    images = split.images[:]  # this also fills the memory of `split.images`
    sources = (images, split.images, Pictures(split.images.files, side, Memory(2 * side, 0)))
    flags = {"batch_size": config.batch_size, "seed": 0, "flip": True}
    streams = [iter(train_batches(Split(source, split.labels), **flags)) for source in sources]
    return dict(zip(KINDS, [itertools.repeat(next(streams[0])), *streams], strict=True))


def report(found: dict) -> str:
    """Medians of the rounds."""
    titles = ["batches of", "ms a step", "waiting for input", "ms of processors"]
    rows = [
        [kind, *(f"{statistics.median(ms):.1f}" for ms in times.values())]
        for kind, times in found.items()
    ]
    return text_table(titles, rows)


def main(argv: list[str] | None = None) -> None:
    parser = ArgumentParser("benchmarks.pictures", "Measures what picture files cost a training.")
    add = parser.add_argument
    add("data_dir", type=existing, metavar="DIR", help="folder of pictures, as for train.py")
    add("--model", default="resnet20", metavar="NAME", help="network")
    add("--image-size", type=at_least_1, default=64, metavar="N", help="side of the images")
    add("--batch-size", type=at_least_1, default=128, metavar="N", help="images per step")
    add("--rounds", type=at_least_1, default=5, metavar="N", help="turns of each input")
    add("--steps", type=at_least_1, default=20, metavar="N", help="steps per turn")
    add("--json", type=output_file, metavar="FILE", help="also write all figures to a file")
    args = parser.parse_args(argv)
    load_tensorflow()
    from tfresnet.evaluation.text import write_json
    from tfresnet.settings.config import TrainConfig

    settings = {name: getattr(args, name) for name in ("data_dir", "model", "image_size")}
    settings |= {"batch_size": args.batch_size, "epochs": 15}
    found = measure(TrainConfig(dataset="folder", **settings), args.rounds, args.steps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{processor_name()}; most memory {peak} MiB\n{report(found)}")
    if args.json:
        content = {"processor": processor_name(), "peak_memory_mib": peak}
        settings["data_dir"] = None
        write_json(content | {"settings": settings, "milliseconds": found}, args.json)


if __name__ == "__main__":
    run(main, "benchmarks.pictures")
