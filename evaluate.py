"""Evaluates a trained network; see `python evaluate.py --help`."""

from tfresnet.evaluation.__main__ import main
from tfresnet.system import commands

if __name__ == "__main__":
    commands.run(main, "evaluate.py")
