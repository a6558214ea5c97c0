"""Argument parsers and nothing else."""

import argparse
import dataclasses
import types
import typing
from typing import NoReturn

from tfresnet.errors import InputError


class ArgumentParser(argparse.ArgumentParser):
    """Answers bad arguments by one line and exit status 2; shows defaults in its help."""

    def __init__(self, **kwargs):
        kwargs.setdefault("formatter_class", argparse.ArgumentDefaultsHelpFormatter)
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        # An argument need not be text: its other bytes are shown as \\udcXX.
        shown = message.encode("utf-8", "backslashreplace").decode()
        self.exit(2, f"{self.prog}: error: {shown}\n")


def parse_train(argv: list[str] | None = None) -> dict:
    """The arguments of `tfresnet.train` from the flags of train.py."""
    from tfresnet.training.config import TrainConfig

    parser = ArgumentParser(
        prog="train.py", description="Trains a network and tests it once at the end."
    )
    parser.add_argument(
        "--resume", metavar="RUN", help="run folder to continue exactly, with all of its settings"
    )
    hints = typing.get_type_hints(TrainConfig)
    for item in dataclasses.fields(TrainConfig):
        _add_setting(parser, item, hints[item.name])
    values = {name: v for name, v in vars(parser.parse_args(argv)).items() if v is not None}
    others = values.keys() - {"resume", "data_dir"}
    if "resume" in values and others:
        flags = ", ".join("--" + name.replace("_", "-") for name in sorted(others))
        parser.error(
            f"--resume takes all settings but --data-dir from the run. Received also: {flags}"
        )
    try:
        return values if "resume" in values else {"config": TrainConfig(**values)}
    except InputError as error:
        parser.error(_as_flag(str(error), values))


def _add_setting(parser, item, hint):
    """A flag for one field of a settings class; left out, it stays None."""
    kind = typing.get_args(hint)[0] if isinstance(hint, types.UnionType) else hint
    default = "" if item.default is None else f" (default: {item.default})"
    if item.default is None and item.name in _recipe_settings():
        default = " (default: the recipe's)"
    options = {"default": argparse.SUPPRESS, "help": item.metadata["help"] + default}
    if kind is bool:
        options["action"] = argparse.BooleanOptionalAction
    else:
        options |= {"type": kind, "choices": item.metadata["choices"], "metavar": _metavar(kind)}
        if item.metadata["choices"]:
            del options["metavar"]
    parser.add_argument("--" + item.name.replace("_", "-"), **options)


def _recipe_settings():
    from tfresnet.training.recipes import RECIPES

    return {"warmup_epochs", *next(iter(RECIPES.values()))}


def _metavar(kind):
    return {int: "N", float: "X", str: "NAME"}[kind]


def _as_flag(message, names):
    """The message of a setting with the name of its flag in front."""
    name = message.split(" ", 1)[0]
    return message.replace(name, "--" + name.replace("_", "-"), 1) if name in names else message


def parse_evaluate(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of evaluate.py."""
    from tfresnet.training.config import PRECISIONS

    parser = ArgumentParser(
        prog="evaluate.py", description="Evaluates a run or a model file on a data set."
    )
    parser.add_argument("source", metavar="RUN_OR_MODEL", help="run folder or .keras file")
    parser.add_argument("--dataset", metavar="NAME", help="data set; None: the run's")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of the data; None: the run's")
    parser.add_argument("--split", choices=("test", "val", "train"), default="test", help="images")
    parser.add_argument(
        "--tta", action="store_true", help="average over each image and its mirror image"
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="arithmetic; auto: bfloat16 where it pays, else the model's",
    )
    parser.add_argument("--json", metavar="FILE", help="also write the result to a file")
    return parser.parse_args(argv)


def parse_verify(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of `python -m tfresnet.verify`."""
    parser = ArgumentParser(
        prog="tfresnet.verify",
        description="Checks a run folder. Exit status 0: sound; 1: something is damaged.",
    )
    parser.add_argument("run", metavar="RUN", help="run folder")
    return parser.parse_args(argv)
