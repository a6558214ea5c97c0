"""Speed and memory against other implementations of the same network, by turns.

    python -m tfresnet.benchmark                          # resnet20 and resnet18, CIFAR-10 size
    python -m tfresnet.benchmark --model resnet50 --task training --rounds 7 --json speed.json
    python -m tfresnet.benchmark --growth growth.png      # time and memory by depth, width, ...
    python -m tfresnet.benchmark --forms                  # writes layers/conv_forms.json anew

The others are stock Keras, and KerasHub and PyTorch where they are installed (`pip install
keras-hub torch`), each in several forms. Keras: float32, bfloat16 where ours uses it, and the
kernels that TensorFlow chooses unasked. PyTorch, in the precision of ours: with memory that glibc
keeps, compiled, and as installed. What counts is the ratio to the best form of each.
"""

import collections
import dataclasses
import itertools
import statistics

from benchmarks.contestants import CONTESTANTS, TASKS
from tfresnet.errors import InputError
from tfresnet.settings.config import CONV_FORMS, PRECISIONS
from tfresnet.system.arguments import ArgumentParser, at_least_1, output_file
from tfresnet.system.commands import load_tensorflow
from tfresnet.system.hardware import choose_conv_forms, choose_precision, processor_name
from tfresnet.system.tables import text_table

_TITLES = ["network", "task", "other", "ours", "other's", "ratio", "spread", "GiB", "other's"]


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    load_tensorflow()
    if args.forms:
        from benchmarks.forms import write_table

        kind = choose_conv_forms("auto")
        if kind not in CONV_FORMS[2:]:
            raise InputError(f"--forms needs {', '.join(CONV_FORMS[2:])}. Received: {kind}")
        titles = ["convolution", "dtype", "part", "library, ms", "fastest", "ms"]
        print(text_table(titles, write_table(kind, args.rounds)))
        return
    if args.growth:
        from benchmarks import growth

        precision, _ = choose_precision(args.precision)
        points = growth.measure(precision, args.seconds)
        titles = ["axis", "value", "ms a step", "GiB", "power of ms", "power of GiB"]
        print(text_table(titles, growth.table(points)))
        growth.draw(points, args.growth)
        return
    from benchmarks.contest import contest
    from tfresnet.evaluation.text import write_json
    from tfresnet.models.resnet import NETWORKS

    for name in args.model:
        if name not in NETWORKS:
            raise InputError(f"--model must be one of {', '.join(NETWORKS)}. Received: {name}")
    precision, reason = choose_precision(args.precision)
    print(f"{processor_name()}, precision {precision} ({reason}); images/s", flush=True)
    rules = {n: getattr(args, n) for n in ("batch_size", "rounds", "seconds", "against")}
    results = []
    for model, task in itertools.product(args.model, args.task):
        results += contest(model, task, precision=precision, **rules)
        print(f"{model} {task}: done", flush=True)
    if not results:
        raise InputError(
            "--against must name an opponent that does one of the tasks on this machine. "
            f"Received: {' '.join(args.against)} for {' '.join(args.task)}"
        )
    print(report(results))
    if args.json:
        content = {
            "processor": processor_name(),
            "conv_forms": choose_conv_forms("auto"),
            "precision": precision,
            "batch_size": args.batch_size,
            "results": [dataclasses.asdict(r) | {"ratios": r.ratios} for r in results],
        }
        write_json(content, args.json)


def parse(argv: list[str] | None = None):
    """The flags of `python -m tfresnet.benchmark`."""
    parser = ArgumentParser(prog="tfresnet.benchmark", description="Compares speed and memory.")
    add = parser.add_argument
    add("--model", nargs="+", metavar="NAME", default=["resnet20", "resnet18"], help="networks")
    for name, what, known in (("task", "tasks", TASKS), ("against", "opponents", CONTESTANTS)):
        about = f"{what} (default: all): {', '.join(known)}"
        options = {"choices": known, "default": list(known), "metavar": name.upper()}
        add(f"--{name}", nargs="+", help=about, **options)
    add("--batch-size", type=at_least_1, default=128, help="images per training step")
    add("--rounds", type=at_least_1, default=5, help="turns of each contestant")
    add("--seconds", type=float, default=3.0, help="shortest turn")
    add("--forms", action="store_true", help="time the forms of convolutions, write their table")
    about = "draw the time and memory of a step by depth, width, batch and side"
    add("--growth", type=output_file, metavar="PNG", help=about)
    about = f"our precision: {', '.join(PRECISIONS)}"
    add("--precision", choices=PRECISIONS, default="auto", metavar="NAME", help=about)
    add("--json", type=output_file, metavar="FILE", help="also write all figures to a file")
    return parser.parse_args(argv)


def report(results: list) -> str:
    """A table of all results (`contest.Result`), then our ratio to the best of each rival."""
    lines = [text_table(_TITLES, [_row(result) for result in results])]
    rivals = collections.defaultdict(list)
    for result in results:
        if result.rival:
            rivals[result.model, result.task, result.rival].append(result)
    for (model, task, rival), group in rivals.items():
        best = min(group, key=_ratio)
        lines.append(f"{model} {task}: {_ratio(best):.2f} times the best {rival} ({best.other})")
    return "\n".join(lines)


def _ratio(result):
    return statistics.median(result.ratios)


def _row(result):
    speeds = map(statistics.median, (result.our_speeds, result.other_speeds))
    start_up = result.task == "start-up"
    return [
        *(result.model, result.task, result.other),
        *(f"{1 / speed:.1f} s" if start_up else f"{speed:.0f}" for speed in speeds),
        f"{_ratio(result):.2f}",
        f"{min(result.ratios):.2f} to {max(result.ratios):.2f}",
        *(f"{memory / 2**30:.1f}" for memory in (result.our_memory, result.other_memory)),
    ]
