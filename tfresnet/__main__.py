"""The console command: `tfresnet NAME ...` is `python -m tfresnet.NAME ...`."""

import os
import runpy
import sys

import tfresnet
from tfresnet.system import commands

# Name -> what the command does; `train` and `evaluate` are what train.py and evaluate.py are.
COMMANDS = {
    "train": "train a network",
    "evaluate": "measure a run, a model or weights",
    "predict": "classify pictures",
    "export": "write a network for other programs",
    "results": "the table of finished runs",
    "report": "the lab report of runs",
    "verify": "what of a run folder is sound",
    "param_count": "parameters and operations of networks",
    "check_unit": "compare a residual unit with ours",
    "live": "a page in which networks run",
    "experiments": "the studies of the lecture's claims",
    "benchmark": "speed against other libraries, in a checkout",
}
_HOMES = {"train": "training", "evaluate": "evaluation"}


def main() -> None:
    """Runs the command that the first argument names, as `python -m` would.

    A shell that asks for completions (argcomplete) gives the typed line instead of arguments.
    """
    words = sys.argv[1:]
    if "_ARGCOMPLETE" in os.environ:
        words = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])].split(" ")[1:-1]
        os.environ["_ARGCOMPLETE"] = "2" if words else "1"  # how many words name the program
    if words and words[0] in COMMANDS:
        sys.argv[:2] = [f"tfresnet {words[0]}"]
        runpy.run_module(f"tfresnet.{_HOMES.get(words[0], words[0])}", run_name="__main__")
    else:
        commands.run(_explain, "tfresnet")


def _explain():
    """Prints the help, the version or what is wrong with the arguments."""
    from tfresnet.system.arguments import ArgumentParser

    parser = ArgumentParser("tfresnet", "Residual networks on CIFAR-10 in TensorFlow and Keras 3.")
    parser.add_argument(
        "--version", action="version", version=tfresnet.__version__, help="print it"
    )
    names = parser.add_subparsers(metavar="NAME", required=True)
    for name, about in COMMANDS.items():
        names.add_parser(name, description=about, help=about)
    parser.parse_args()


if __name__ == "__main__":
    main()
