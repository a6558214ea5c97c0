"""Checks the files of a run: `python -m tfresnet.verify RUN`."""

import sys

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    """Parses the flags of `python -m tfresnet.verify`."""
    from tfresnet.system.arguments import ArgumentParser, add_own_code, existing

    about = "Checks a run folder. Exit status 0: sound; 1: something is damaged."
    parser = ArgumentParser("tfresnet.verify", about)
    parser.add_argument("run", type=existing, metavar="RUN", help="run folder")
    add_own_code(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None):
    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.runs.verification import verify

    report = verify(args.run, args.model, args.trust_code)
    print(report)
    if not report.sound:
        sys.exit(1)
    return report


if __name__ == "__main__":
    commands.run(main, "tfresnet.verify")
