"""Arguments of the commands: the parser and the kinds of values they share."""

import argparse
import contextlib
import os
from typing import NoReturn

from tfresnet.errors import InputError


class ArgumentParser(argparse.ArgumentParser):
    """Answers bad arguments by one line and exit status 2; shows defaults in its help."""

    def __init__(self, prog: str, description: str):
        form = argparse.ArgumentDefaultsHelpFormatter
        super().__init__(prog, None, description, formatter_class=form, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        # An argument need not be text: its other bytes are shown as \\udcXX.
        shown = message.encode("utf-8", "backslashreplace").decode()
        self.exit(2, f"{self.prog}: error: {shown}\n")


def checked(parser, check, *args, **kwargs):
    """What `check` returns; an error about a setting becomes one about its flag."""
    try:
        return check(*args, **kwargs)
    except InputError as error:
        name, _, rest = str(error).partition(" ")
        parser.error(f"{flag(name) if flag(name) in parser.format_usage() else name} {rest}")


def flag(name):
    return "--" + name.replace("_", "-")


def add_runs(parser: ArgumentParser, what: str, own: list[str]) -> None:
    """`--runs`: the folders that a command reads; the user's `own`, unless others are named."""
    about = f"{what}; those that come with tfresnet are in docs/runs and docs/studies"
    parser.add_argument("--runs", type=existing, nargs="+", default=own, metavar="DIR", help=about)


def path(text: str) -> str:
    """An argument that names a file or folder; `~` is the home folder, as in a shell."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path. Received: ''")
    return os.path.expanduser(text)


def existing(text: str) -> str:
    """A `path` of something that is there."""
    if not os.path.exists(path(text)):
        raise argparse.ArgumentTypeError(f"must exist. Received: {text!r}")
    return path(text)


def output_file(text: str) -> str:
    """A `path` that can be written, as far as is known before the work; "-" is as it is."""
    file = path(text)
    folder = os.path.dirname(file) or os.curdir
    if text != "-" and (os.path.isdir(file) or not os.access(folder, os.W_OK | os.X_OK)):
        raise argparse.ArgumentTypeError(
            f"must be a file, in a folder that can be written. Received: {text!r}"
        )
    return file


def positive(text):
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 1e6:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number above 0. Received: {text!r}")


def at_least_1(text):
    with contextlib.suppress(ValueError):
        if int(text) >= 1:
            return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer of at least 1. Received: {text!r}")
