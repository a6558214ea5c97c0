"""Compares with others: `python -m tfresnet.benchmark --help`."""

from tfresnet import scripts


def main(argv: list[str] | None = None):
    from tfresnet.benchmark import command

    return command.compare(argv)


if __name__ == "__main__":
    scripts.run(main, "tfresnet.benchmark")
