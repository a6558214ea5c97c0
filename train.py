"""Trains a network; see `python train.py --help`."""

from tfresnet.system import commands


def main(argv: list[str] | None = None):
    from tfresnet.training.__main__ import main

    return main(argv)


if __name__ == "__main__":
    commands.run(main, "train.py")
