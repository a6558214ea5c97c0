"""What TensorBoard's pages cost a training that has them, beside one that has not, by turns.

    python -m tfresnet.benchmark.pages --data-dir DIR --json logs/benchmark-pages.json

Both train all epochs of the recipe, but only some steps of each, from which whole epochs follow.
They take turns with every step, because what they differ by is less than what the speed of a shared
machine does from one second to the next.
"""

import dataclasses
import json
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tfresnet.cli import ArgumentParser
from tfresnet.scripts import load_tensorflow, run
from tfresnet.tables import aligned


@dataclass(frozen=True)
class Cost:
    """Times in seconds, with the pages and without, of a run of `epochs` of `steps` steps each.

    `step`: a step in each epoch's turn; `end`: what follows the last step of an epoch, validation
    included. `begin` and `test`: what the pages alone take before the first step and after the
    last.
    """

    model: str
    dataset: str
    epochs: int
    steps: int
    step: tuple[list[float], list[float]]
    end: tuple[list[float], list[float]]
    begin: float
    test: float

    @property
    def more(self) -> float:
        """The pages' share of the whole run, as a fraction of the time without them."""
        ratios = [a / b for a, b in zip(*self.step, strict=True)]
        steps = statistics.median(self.step[1]) * self.steps * self.epochs
        ends = sum(self.end[0]) - sum(self.end[1])
        more = (statistics.median(ratios) - 1) * steps + ends + self.begin + self.test
        return more / (steps + sum(self.end[1]))

    def __str__(self) -> str:
        step = [f"{1000 * statistics.median(times):.1f} ms" for times in self.step]
        end = [f"{statistics.mean(times):.2f} s" for times in self.end]
        rows = [
            ["a step", *step],
            ["end of an epoch, with validation", *end],
            ["before the first step", f"{self.begin:.2f} s", ""],
            ["pages of the test", f"{self.test:.2f} s", ""],
        ]
        return (
            aligned([f"{self.model} on {self.dataset}", "with", "without"], rows)
            + f"\n{self.epochs} epochs of {self.steps} steps: {100 * self.more:+.1f} %"
        )


def measure(config, steps: int) -> Cost:
    """Trains with and without pages, `steps` steps an epoch.

    Raises:
        InputError: impossible settings or missing data.
    """
    barrier = threading.Barrier(2)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        both = []
        for name in ("with", "without"):
            named = dataclasses.replace(config, output_dir=folder, name=name)
            both.append(_Training(named, steps, name == "with", _Turns(barrier, name == "with")))
        job = both[0].job
        turns = list(pool.map(_Training.run, both))
        test = both[0].write_test()
    firsts, between, ends = zip(*(zip(*side, strict=True) for side in turns), strict=True)
    usual = [statistics.median(side[1:]) for side in firsts]
    return Cost(
        model=config.model,
        dataset=config.dataset,
        epochs=job.config.epochs,
        steps=job.steps,
        step=tuple([seconds / (steps - 1) for seconds in side] for side in between),
        end=tuple(list(side) for side in ends),
        begin=(firsts[0][0] - usual[0]) - (firsts[1][0] - usual[1]),
        test=test,
    )


class _Turns:
    """One of two threads works between `enter` and `leave`, while the other waits."""

    def __init__(self, barrier: threading.Barrier, first: bool):
        self.barrier = barrier
        self.first = first

    def enter(self):
        if not self.first:
            self.barrier.wait()

    def leave(self):
        self.barrier.wait()
        if self.first:
            self.barrier.wait()


class _Training:
    """A training of short epochs, which waits for the other one after each step."""

    def __init__(self, config, steps, with_pages, turns):
        import keras

        from tfresnet.training.callbacks import Position
        from tfresnet.training.checkpoints import State
        from tfresnet.training.job import build_network, prepare
        from tfresnet.training.loop import compile_model
        from tfresnet.training.run_folder import RunFolder
        from tfresnet.training.step import TrainingModel
        from tfresnet.training.tensorboard import TensorBoard

        self.job = job = prepare(config)
        self.validation = job.validation_batches()
        self.steps = steps
        self.network = build_network(job)
        self.model = TrainingModel(self.network)
        compile_model(self.model, job)
        self.folder = RunFolder.create(job.config)
        self.folder.write_config(job.config, {})
        self.position = Position(State(), steps)
        self.turns = turns
        self.seconds = []
        before = keras.callbacks.LambdaCallback(on_train_batch_begin=self._before_step)
        after = keras.callbacks.LambdaCallback(on_train_batch_end=self._after_step)
        self.callbacks = [before, self.position, after]
        if with_pages:
            pages = TensorBoard(self.folder, self.position, job.config, job.dataset, job.validation)
            self.callbacks.insert(2, pages)

    def _before_step(self, batch, logs):
        if batch:  # the first step belongs to the beginning of the epoch
            self.turns.enter()
            self.began = time.perf_counter()

    def _after_step(self, batch, logs):
        float(logs["loss"])  # the step has ended
        self.seconds.append(time.perf_counter() - self.began)
        if batch < self.steps - 1:
            self.turns.leave()
        else:  # validation follows
            self.began = time.perf_counter()

    def run(self):
        """The times of all epochs, as `_epoch` gives them."""
        try:
            return [self._epoch() for _ in range(self.job.config.epochs)]
        except BaseException:
            self.turns.barrier.abort()  # the other one would wait for ever
            raise

    def _epoch(self):
        """Seconds of the first step with what comes before it, of the others, and of the rest."""
        epoch = self.position.state.epoch
        self.turns.enter()
        self.seconds.clear()
        self.began = time.perf_counter()
        self.model.fit(
            self.job.train_batches(epoch),
            initial_epoch=epoch,
            epochs=epoch + 1,
            steps_per_epoch=self.steps,
            validation_data=self.validation,
            callbacks=self.callbacks,
            shuffle=False,
            verbose=0,
        )
        rest = time.perf_counter() - self.began
        self.turns.leave()
        first, *others = self.seconds
        return first, sum(others), rest

    def write_test(self):
        """Seconds that the pages of the test take."""
        from tfresnet.evaluation import evaluate_model
        from tfresnet.models import inference_model
        from tfresnet.training.tensorboard import write_test

        job, network = self.job, inference_model(self.network)
        result = evaluate_model(network, job.dataset.test, job.dataset)
        began = time.perf_counter()
        history = self.position.state.history
        write_test(self.folder, network, job.config, job.dataset, history, result)
        return time.perf_counter() - began


def main(argv: list[str] | None = None) -> Cost:
    parser = ArgumentParser(prog="tfresnet.benchmark.pages", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="resnet20", metavar="NAME", help="network")
    parser.add_argument("--dataset", default="cifar10", metavar="NAME", help="what it learns")
    parser.add_argument("--data-dir", metavar="DIR", help="where CIFAR-10 is or is to go")
    parser.add_argument("--epochs", type=int, help="epochs of the run")
    parser.add_argument("--steps", type=int, default=41, help="steps of an epoch that are run")
    parser.add_argument("--json", metavar="FILE", help="also write all figures to a file")
    args = parser.parse_args(argv)
    for flag in ("steps", "epochs"):
        if (given := getattr(args, flag)) is not None and given < 2:
            parser.error(f"--{flag} must be at least 2. Received: {given}")
    load_tensorflow()
    from tfresnet.atomic import write_text
    from tfresnet.training.config import TrainConfig
    from tfresnet.training.precision import processor_name

    chosen = {"model": args.model, "dataset": args.dataset, "data_dir": args.data_dir}
    if args.epochs is not None:
        chosen["epochs"] = args.epochs
    cost = measure(TrainConfig(**chosen), args.steps)
    print(f"{processor_name()}\n{cost}")
    if args.json:
        content = {"processor": processor_name()} | dataclasses.asdict(cost) | {"more": cost.more}
        write_text(args.json, json.dumps(content, indent=1) + "\n")
    return cost


if __name__ == "__main__":
    run(main, "tfresnet.benchmark.pages")
