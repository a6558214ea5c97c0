"""Checks a student's file: `python -m tfresnet.check_unit --help`."""

import sys

from tfresnet.system import commands

STATE_DICTS = (".pth", ".pt", ".th")


def parse(argv: list[str] | None = None):
    from tfresnet.settings.model_names import check_model_name
    from tfresnet.system.arguments import ArgumentParser, check_flag, existing, output_file

    about = (
        "Compares your own residual unit or network with ours: shapes, parameters, strides, "
        "outputs for the same weights, gradients. Exit status 0: the same; 1: something differs."
    )
    parser = ArgumentParser("check_unit", about)
    add = parser.add_argument
    about = (
        "Python file that defines a Keras layer, a function that builds one, or a model; or a "
        "state dict of PyTorch (.pth), whose names and shapes are compared"
    )
    add("file", type=existing, metavar="FILE", help=about)
    about = "class, function or model in the file (default: the only one that it defines)"
    add("name", nargs="?", metavar="NAME", help=about)
    about = (
        "basic or bottleneck; naive, inception or mlpconv; or a network (default: basic for a "
        "unit, resnet18 for a network)"
    )
    add("--against", metavar="WHAT", help=about)
    about = "give points for exercise N of docs/exercises, 1 to 8; FILE may be a notebook, or a "
    add("--exercise", type=int, choices=range(1, 9), metavar="N", help=about + "folder of hand-ins")
    about = "write the points of --exercise, and why some are missing, to FILE"
    add("--json", type=output_file, metavar="FILE", help=about)
    add("--csv", type=output_file, metavar="FILE", help="write a row for each hand-in to FILE")
    about = "language of --exercise"
    add("--lang", choices=("en", "zh"), default="en", help=about)
    args = parser.parse_args(argv)
    if args.exercise is None and (args.json or args.csv):
        parser.error("--json and --csv must come with --exercise. Received: none")
    if args.exercise is not None and (args.name or args.against):
        parser.error("NAME and --against must be left out with --exercise")
    if args.against not in (None, "basic", "bottleneck", "naive", "inception", "mlpconv"):
        check_flag(parser, check_model_name, args.against)
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    from pathlib import Path

    if args.exercise is not None:
        from tfresnet.check_unit.exercises import command

        where = args.json, args.csv
        if not command.run(Path(args.file), args.exercise, *where, args.lang):
            sys.exit(1)
        return
    commands.load_tensorflow()
    if args.file.endswith(STATE_DICTS):
        from tfresnet.check_unit.state_dict import compare

        comparison = compare(Path(args.file), args.against)
    else:
        from tfresnet.check_unit.comparison import compare
        from tfresnet.own.student import load

        comparison = compare(load(args.file, args.name), args.against)
    print(comparison)
    if not comparison.same:
        sys.exit(1)


if __name__ == "__main__":
    commands.run(main, "check_unit")
