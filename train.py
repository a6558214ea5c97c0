"""Trains a network; see `python train.py --help`."""

from tfresnet.system import commands
from tfresnet.training.__main__ import main

if __name__ == "__main__":
    commands.run(main, "train.py")
