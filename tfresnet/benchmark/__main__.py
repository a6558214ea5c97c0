"""Speed and memory against other implementations of the same network, by turns.

    python -m tfresnet.benchmark                          # resnet20 and resnet18, CIFAR-10 size
    python -m tfresnet.benchmark --model resnet50 --task training --rounds 7 --json speed.json

The others are stock Keras, with TensorFlow's kernels chosen as ours are and as they are chosen
unasked, and KerasHub and PyTorch where they are installed (`pip install keras-hub torch`).
"""

import dataclasses
import json
import statistics

from tfresnet.benchmark.contest import Result, contest
from tfresnet.benchmark.contestants import TASKS
from tfresnet.benchmark.networks import CLASSES, IMAGE
from tfresnet.cli import ArgumentParser
from tfresnet.param_count import measure
from tfresnet.scripts import load_tensorflow, run
from tfresnet.tables import aligned

TITLES = ["network", "task", "other", "ours", "other's", "ratio", "spread", "GiB", "other's"]


def main(argv: list[str] | None = None) -> list[Result]:
    args = _parse(argv)
    load_tensorflow()
    from tfresnet.atomic import write_text
    from tfresnet.training.precision import choose_precision, processor_name

    precision, reason = choose_precision(args.precision)
    print(f"{processor_name()}, precision {precision} ({reason}); images/s", flush=True)
    results = []
    for model in args.model:
        multiply_adds = measure(model, IMAGE[0], CLASSES).complexity.multiply_adds
        for task in args.task:
            results += contest(
                model,
                task,
                batch_size=args.batch_size,
                precision=precision,
                rounds=args.rounds,
                seconds=args.seconds,
                multiply_adds=multiply_adds,
            )
            print(f"{model} {task}: done", flush=True)
    print(_report(results))
    if args.json:
        content = {
            "processor": processor_name(),
            "precision": precision,
            "batch_size": args.batch_size,
            "results": [dataclasses.asdict(r) | {"ratios": r.ratios} for r in results],
        }
        write_text(args.json, json.dumps(content, indent=1) + "\n")
    return results


def _parse(argv):
    parser = ArgumentParser(prog="tfresnet.benchmark", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--model", nargs="+", metavar="NAME", default=["resnet20", "resnet18"], help="networks"
    )
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS), help="contests")
    parser.add_argument("--batch-size", type=int, default=128, help="images a training step")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a turn, at least")
    parser.add_argument("--precision", default="auto", help="arithmetic of our side")
    parser.add_argument("--json", metavar="FILE", help="also write all figures to a file")
    args = parser.parse_args(argv)
    from tfresnet.models.resnet import NETWORKS
    from tfresnet.training.config import PRECISIONS

    if args.precision not in PRECISIONS:
        parser.error(
            f"--precision must be one of {', '.join(PRECISIONS)}. Received: {args.precision}"
        )
    for name in args.model:
        if name not in NETWORKS:
            parser.error(f"--model must be one of {', '.join(NETWORKS)}. Received: {name}")
    for flag in ("batch_size", "rounds"):
        if getattr(args, flag) < 1:
            shown = flag.replace("_", "-")
            parser.error(f"--{shown} must be at least 1. Received: {getattr(args, flag)}")
    return args


def _report(results):
    rows = [_row(result) for result in results if result.share is None]
    lines = [aligned(TITLES, rows)] if rows else []
    for result in results:
        if result.share is not None:
            rate = statistics.median(result.other_speeds)
            lines.append(
                f"{result.model} {result.task}: {result.share:.2f} of the {rate:.0f} GFLOP/s that "
                "one large matrix product reaches"
            )
    return "\n".join(lines)


def _row(result):
    ratios = result.ratios
    return [
        result.model,
        result.task,
        result.other,
        _figure(result.task, result.our_speeds),
        _figure(result.task, result.other_speeds),
        f"{statistics.median(ratios):.2f}",
        f"{min(ratios):.2f} to {max(ratios):.2f}",
        f"{result.our_memory / 2**30:.1f}",
        f"{result.other_memory / 2**30:.1f}",
    ]


def _figure(task, speeds):
    speed = statistics.median(speeds)
    return f"{1 / speed:.1f} s" if task == "start-up" else f"{speed:.0f}"


if __name__ == "__main__":
    run(main, "tfresnet.benchmark")
