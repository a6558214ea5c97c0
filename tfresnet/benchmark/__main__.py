"""Compares with others: `python -m tfresnet.benchmark --help`."""

from tfresnet.system import commands


def main(argv: list[str] | None = None):
    from tfresnet.benchmark import command

    return command.compare(argv)


if __name__ == "__main__":
    commands.run(main, "tfresnet.benchmark")
