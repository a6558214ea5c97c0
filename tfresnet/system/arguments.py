"""The argument parser of all commands, and the types of argument that they share."""

import argparse
import contextlib
import difflib
import importlib
import os
from collections.abc import Iterable
from typing import NoReturn

from tfresnet.errors import InputError
from tfresnet.system import commands


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Adds a default where there is one that the help text does not give."""

    def _get_help_string(self, action):
        if action.default is None or action.default is False or "default" in action.help:
            return action.help
        return super()._get_help_string(action)


class ArgumentParser(argparse.ArgumentParser):
    """Shows defaults in its help, and exits with one line and status 2 on a bad argument."""

    def __init__(self, prog: str, description: str, epilog: str | None = None):
        form, prog = _HelpFormatter, commands.as_started(prog)
        super().__init__(prog, None, description, epilog, formatter_class=form, allow_abbrev=False)

    def parse_args(self, *args, **kwargs) -> argparse.Namespace:
        if "_ARGCOMPLETE" in os.environ:  # a shell asks for completions
            importlib.import_module("argcomplete").autocomplete(self)
        return super().parse_args(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        _, unknown, given = message.partition("unrecognized arguments: ")
        if unknown and given.startswith("-"):
            typed = given.split()[0].partition("=")[0]
            message += did_you_mean(typed, self._option_string_actions)
        # An argument may hold bytes that are not text: they are shown as \\udcXX.
        shown = message.encode("utf-8", "backslashreplace").decode()
        self.exit(2, f"{self.prog}: error: {shown}\n")


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """The end of an error message that names the known word nearest to `text`, if one is near."""
    near = difflib.get_close_matches(text, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def check_flag(parser, check, *args, **kwargs):
    """Calls `check`; turns an error about a setting into the parser's error about its flag."""
    try:
        return check(*args, **kwargs)
    except InputError as error:
        name, _, rest = str(error).partition(" ")
        parser.error(f"{flag(name) if flag(name) in parser.format_usage() else name} {rest}")


def flag(name):
    return "--" + name.replace("_", "-")


def add_runs(parser: ArgumentParser, what: str, own: list[str] | None = None) -> None:
    """Adds `--runs`, the folders that a command reads; the default is the user's `own`."""
    about = f"{what}; those that come with tfresnet are in docs/runs and docs/studies"
    parser.add_argument("--runs", type=existing, nargs="+", default=own, metavar="DIR", help=about)


def add_own_code(parser: ArgumentParser) -> None:
    """`--model` and `--trust-code`: which code of a user's network a command may run."""
    about = "FILE.py[:NAME], the code of a run's own network"
    parser.add_argument("--model", metavar="FILE.py", help=about)
    add_trust_code(parser)


def add_trust_code(parser: ArgumentParser) -> None:
    about = "run the code of its own network that a run folder holds"
    parser.add_argument("--trust-code", action="store_true", help=about)


def path(text: str) -> str:
    """The path of a file or folder; `~` is the home folder, as in a shell."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path. Received: ''")
    return os.path.expanduser(text)


def existing(text: str) -> str:
    """The path of an existing file or folder."""
    if not os.path.exists(path(text)):
        raise argparse.ArgumentTypeError(f"must exist. Received: {text!r}")
    return path(text)


def output_file(text: str) -> str:
    """The path of a file in a writable folder, or "-"."""
    file = path(text)
    folder = os.path.dirname(file) or os.curdir
    if text != "-" and (os.path.isdir(file) or not os.access(folder, os.W_OK | os.X_OK)):
        raise argparse.ArgumentTypeError(
            f"must be a file, in a folder that can be written. Received: {text!r}"
        )
    return file


def positive(text):
    return _number(text, float, lambda value: 0 < value < 1e6, "a number above 0")


def at_least_1(text):
    return _number(text, int, lambda value: value >= 1, "an integer of at least 1")


def _number(text, kind, accepts, rule):
    with contextlib.suppress(ValueError):
        if accepts(kind(text)):
            return kind(text)
    raise argparse.ArgumentTypeError(f"must be {rule}. Received: {text!r}")
