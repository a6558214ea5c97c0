"""What TensorBoard's pages take of the time of a training.

    python -m tfresnet.benchmark.pages --data-dir DIR --json logs/benchmark-pages.json

One training, with a clock around all that makes pages. Two trainings, with and without, differ by
less than what the speed of a shared machine does in the meantime.
"""

import dataclasses
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass

from tfresnet.cli import ArgumentParser, output_file, path
from tfresnet.hardware import processor_name
from tfresnet.scripts import load_tensorflow, run
from tfresnet.tables import aligned


@dataclass(frozen=True)
class Cost:
    """Seconds that a training took, from its call to its result, and those that pages had of it,
    by what they went into."""

    model: str
    dataset: str
    epochs: int
    steps: int
    training: float
    pages: dict[str, float]

    @property
    def more(self) -> float:
        """The pages as a fraction of the time without them."""
        pages = sum(self.pages.values())
        return pages / (self.training - pages)

    def __str__(self) -> str:
        title = f"{self.model} on {self.dataset}: {self.epochs} epochs, {self.steps} steps"
        rows = [*self.pages.items(), ("the whole training", self.training)]
        table = aligned([title, "s"], [[name, f"{seconds:.2f}"] for name, seconds in rows])
        return f"{table}\n{100 * self.more:.2f} % more than without pages"


def measure(config) -> Cost:
    """Trains by a `TrainConfig`, in a folder that is removed.

    Raises:
        InputError: impossible settings or missing data.
    """
    from tfresnet.training import loop
    from tfresnet.training.step import TrainStep

    board = loop.TensorBoard
    with tempfile.TemporaryDirectory() as folder, ExitStack() as until:
        begin, charts, ends, end = (
            _timed(board, moment, until) for moment in ("begin", "after_step", "after_epoch", "end")
        )
        test, steps = _timed(loop, "write_test", until), _timed(TrainStep, "__call__", until)
        began = time.perf_counter()
        run = loop.train(dataclasses.replace(config, output_dir=folder))
        training = time.perf_counter() - began
    pages = {
        "before the first step, and graphs after it": [*begin, charts[0]],
        "what observed steps take more": _more_of_observed(steps),
        "charts of the steps": charts[1:],
        "ends of the epochs": ends + end,
        "after the test": test,
    }
    return Cost(
        model=config.model,
        dataset=config.dataset,
        epochs=len(run.history),
        steps=len(steps),
        training=training,
        pages={name: sum(seconds for seconds, _ in calls) for name, calls in pages.items()},
    )


def _timed(owner, name: str, until: ExitStack) -> list[tuple[float, dict]]:
    """A list to which (seconds, flags) of each call of the function `owner.name` are added."""
    plain, calls = getattr(owner, name), []

    def timed(*args, **flags):
        began = time.perf_counter()
        result = plain(*args, **flags)
        calls.append((time.perf_counter() - began, flags))
        return result

    setattr(owner, name, timed)
    until.callback(setattr, owner, name, plain)
    return calls


def _more_of_observed(steps):
    """For every observed step the median of what they take more than the two beside them."""
    more = [
        step - (before + after) / 2
        for (before, _), (step, flags), (after, _) in zip(steps, steps[1:], steps[2:], strict=False)
        if flags["observe"]
    ]
    return [(statistics.median(more), {})] * len(more) if more else []


def main(argv: list[str] | None = None) -> None:
    parser = ArgumentParser(
        prog="tfresnet.benchmark.pages", description="Tells what TensorBoard's pages cost."
    )
    add = parser.add_argument
    add("--model", default="resnet20", metavar="NAME", help="network")
    add("--dataset", default="cifar10", metavar="NAME", help="what it learns")
    add("--data-dir", type=path, metavar="DIR", help="folder or archive of CIFAR-10")
    add("--epochs", type=int, metavar="N", help="passes over the images; None: the recipe's")
    add("--json", type=output_file, metavar="FILE", help="also write all figures to a file")
    settings = vars(parser.parse_args(argv))
    file = settings.pop("json")
    load_tensorflow()
    from tfresnet.evaluation import write_json
    from tfresnet.training.config import TrainConfig

    cost = measure(TrainConfig(**settings))
    print(f"{processor_name()}\n{cost}")
    if file:
        content = {"processor": processor_name()} | dataclasses.asdict(cost) | {"more": cost.more}
        write_json(content, file)


if __name__ == "__main__":
    run(main, "tfresnet.benchmark.pages")
