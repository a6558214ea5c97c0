"""Evaluates a trained network; see `python evaluate.py --help`."""

from tfresnet.system import commands


def main(argv: list[str] | None = None):
    from tfresnet.evaluation.__main__ import main

    return main(argv)


if __name__ == "__main__":
    commands.run(main, "evaluate.py")
