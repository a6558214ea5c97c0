"""Checks the files of a run: `python -m tfresnet.verify RUN`, or its training with `--replay`."""

import sys

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    """Parses the flags of `python -m tfresnet.verify`."""
    from tfresnet.system.arguments import ArgumentParser, add_own_code, at_least_1, existing

    about = "Checks a run folder. Exit status 0: sound; 1: something is damaged."
    parser = ArgumentParser("tfresnet.verify", about)
    parser.add_argument("run", type=existing, metavar="RUN", help="run folder")
    about = "compute the first N steps again and compare; without N, from the oldest checkpoint on"
    parser.add_argument("--replay", type=at_least_1, nargs="?", const=0, metavar="N", help=about)
    add_own_code(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None):
    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.runs.verification import verify

    report = verify(args.run, args.model, args.trust_code)
    if args.replay is not None:
        from tfresnet.training.replay import replay

        good, text = replay(
            args.run, args.replay or None, model=args.model, trust_code=args.trust_code
        )
        report.lines.append((good, "replay", text))
    print(report)
    if not report.sound:
        sys.exit(1)
    return report


if __name__ == "__main__":
    commands.run(main, "tfresnet.verify")
