"""Checks a student's file: `python -m tfresnet.check_unit --help`."""

import sys

from tfresnet import scripts


def main(argv: list[str] | None = None) -> None:
    from tfresnet import cli

    args = cli.parse_check_unit(argv)
    scripts.load_tensorflow()
    from tfresnet.check_unit.comparison import compare
    from tfresnet.check_unit.student import load

    comparison = compare(load(args.file, args.name), args.against)
    print(comparison)
    if not comparison.same:
        sys.exit(1)


if __name__ == "__main__":
    scripts.run(main, "check_unit")
