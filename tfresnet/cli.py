"""Argument parsers and nothing else."""

import argparse
import contextlib
import dataclasses
import os
import shlex
import types
import typing
from typing import NoReturn

from tfresnet import pretrained
from tfresnet.errors import InputError, channel_numbers
from tfresnet.hardware import PRECISIONS
from tfresnet.model_names import check_model_name

_PATHS = {"data_dir": "DIR", "output_dir": "DIR", "weights": "SOURCE"}  # settings -> metavar

_IMAGE_SIZE = "side of the pictures, with --model; None: the network's own"


class ArgumentParser(argparse.ArgumentParser):
    """Answers bad arguments by one line and exit status 2; shows defaults in its help."""

    def __init__(self, prog: str, description: str):
        form = argparse.ArgumentDefaultsHelpFormatter
        super().__init__(prog, None, description, formatter_class=form, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        # An argument need not be text: its other bytes are shown as \\udcXX.
        shown = message.encode("utf-8", "backslashreplace").decode()
        self.exit(2, f"{self.prog}: error: {shown}\n")


def parse_train(argv: list[str] | None = None) -> dict:
    """The arguments of `tfresnet.train` from the flags of train.py."""
    from tfresnet.data import check_dataset_name
    from tfresnet.training.config import TrainConfig

    parser = ArgumentParser("train.py", "Trains a network and tests it once at the end.")
    about = "run folder to continue exactly, with all of its settings"
    parser.add_argument("--resume", type=existing, metavar="RUN", help=about)
    hints = typing.get_type_hints(TrainConfig)
    for item in dataclasses.fields(TrainConfig):
        _add_setting(parser, item, hints[item.name])
    values = {name: v for name, v in vars(parser.parse_args(argv)).items() if v is not None}
    others = values.keys() - {"resume", "data_dir", "strategy"}
    if "resume" in values and others:
        flags = ", ".join(_flag(name) for name in sorted(others))
        longer = shlex.quote(os.path.join(values["resume"], "model.keras"))
        parser.error(
            "--resume takes all settings but --data-dir and --strategy from the run (to train "
            f"longer, begin a new one with --weights {longer}). Received also: {flags}"
        )
    if "resume" in values:
        return values
    config = _checked(parser, TrainConfig, **values)
    _checked(parser, check_model_name, config.model)
    _checked(parser, check_dataset_name, config.dataset)
    return {"config": config}


def _add_setting(parser, item, hint):
    """A flag for one field of a settings class; left out, it stays None."""
    kind = typing.get_args(hint)[0] if isinstance(hint, types.UnionType) else hint
    default = "" if item.default is None else f" (default: {item.default})"
    if item.default is None and item.name in _recipe_settings():
        default = " (default: the recipe's)"
    options = {"default": argparse.SUPPRESS, "help": item.metadata["help"] + default}
    if kind is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif item.metadata["choices"]:
        options["choices"] = item.metadata["choices"]
    elif item.name in _PATHS:
        options |= {"type": path, "metavar": _PATHS[item.name]}
    else:
        options |= {"type": kind, "metavar": {int: "N", float: "X", str: "NAME"}[kind]}
    parser.add_argument(_flag(item.name), **options)


def _recipe_settings():
    from tfresnet.training.recipes import RECIPES

    return {"warmup_epochs", *next(iter(RECIPES.values()))}


def _checked(parser, check, *args, **kwargs):
    """What `check` returns; an error about a setting becomes one about its flag."""
    try:
        return check(*args, **kwargs)
    except InputError as error:
        name, _, rest = str(error).partition(" ")
        parser.error(f"{_flag(name) if _flag(name) in parser.format_usage() else name} {rest}")


def _flag(name):
    return "--" + name.replace("_", "-")


def parse_evaluate(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of evaluate.py."""
    from tfresnet.data import check_dataset_name

    parser = ArgumentParser("evaluate.py", "Evaluates a run or a model file on a data set.")
    add = parser.add_argument
    _add_source(parser)
    add("--dataset", metavar="NAME", help="data set; None: the run's")
    add("--data-dir", type=path, metavar="DIR", help="folder of the data; None: the run's")
    about = "classes to keep, as 0-4 or 0,2,5-7; None: the run's"
    add("--classes", metavar="NAME", help=about)
    add("--skip-broken", action="store_true", help="leave out broken pictures of a folder")
    about = "images; None: test, or val if the run is not finished"
    add("--split", choices=("test", "val", "train"), help=about)
    add("--tta", action="store_true", help="average over each image and its mirror image")
    about = "arithmetic; auto: that of the run"
    add("--precision", choices=PRECISIONS, default="auto", help=about)
    about = "also write the result to a file; -: to standard output, all else to standard error"
    add("--json", type=output_file, metavar="FILE", help=about)
    args = parser.parse_args(argv)
    if args.dataset is not None:
        _checked(parser, check_dataset_name, args.dataset)
    _check_source(parser, args)
    return args


def _add_source(parser):
    """The model that a command works with."""
    about = "run folder, .keras file or shipped name; with --model, any file of weights"
    parser.add_argument("source", type=source, metavar="RUN_OR_MODEL", help=about)
    _add_weights_options(parser)


def _add_weights_options(parser):
    add = parser.add_argument
    about = "network that weights belong to, where the file does not say"
    add("--model", metavar="NAME", help=about)
    add("--mean", metavar="R,G,B", help="mean of the pixels in 0..1, where the file does not say")
    add("--std", metavar="R,G,B", help="deviation of the pixels; goes with --mean")


def _check_source(parser, args):
    if getattr(args, "image_size", None) and args.model is None:
        parser.error(f"--image-size must come with --model. Received: {args.image_size}")
    if args.model is not None:
        _checked(parser, check_model_name, args.model)
    for name in ("mean", "std"):
        if getattr(args, name) is not None:
            _checked(parser, channel_numbers, name, getattr(args, name))


def parse_predict(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of `python -m tfresnet.predict`."""
    parser = ArgumentParser("tfresnet.predict", "Says what is in pictures.")
    add = parser.add_argument
    about = "picture files and folders of them; first the model, unless it is the shipped one"
    add("images", nargs="+", type=path, metavar="[RUN_OR_MODEL] IMAGE", help=about)
    _add_weights_options(parser)
    add("--image-size", type=_at_least_1, metavar="N", help=_IMAGE_SIZE)
    add("--top", type=_at_least_1, default=5, metavar="K", help="classes to name for a picture")
    add("--json", action="store_true", help="print JSON")
    about = "write the picture with the places that spoke for its first class"
    add("--cam", type=output_file, metavar="FILE", help=about)
    args = parser.parse_args(argv)
    _check_source(parser, args)
    from tfresnet.data.places import PICTURES

    first = args.images[0]
    is_model = len(args.images) > 1 and os.path.splitext(first)[1].lower() not in PICTURES
    args.source = args.images.pop(0) if is_model else None
    if not is_model and pretrained.default() is None:
        parser.error(f"a run or a model must come before pictures. Received: {first!r}")
    return args


def parse_export(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of `python -m tfresnet.export`."""
    about = "Writes a trained network for other programs, and compares its answers."
    parser = ArgumentParser("tfresnet.export", about)
    _add_source(parser)
    add = parser.add_argument
    add("--image-size", type=_at_least_1, metavar="N", help=_IMAGE_SIZE)
    formats = ("saved_model", "tflite", "onnx")
    add("--format", choices=formats, default="saved_model", help="form of the output")
    about = "new file, or folder of a saved_model; None: model.FORMAT in this folder"
    add("--output", type=path, metavar="PATH", help=about)
    args = parser.parse_args(argv)
    _check_source(parser, args)
    args.output = args.output or f"model.{args.format}"
    return args


def parse_verify(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of `python -m tfresnet.verify`."""
    about = "Checks a run folder. Exit status 0: sound; 1: something is damaged."
    parser = ArgumentParser("tfresnet.verify", about)
    parser.add_argument("run", type=existing, metavar="RUN", help="run folder")
    return parser.parse_args(argv)


def parse_results(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of `python -m tfresnet.results`."""
    about = "Writes a table of the finished CIFAR-10 runs in a folder, as Markdown."
    parser = ArgumentParser("tfresnet.results", about)
    about = "folder of run folders (default: logs)"
    parser.add_argument("folder", type=existing, nargs="?", default="logs", help=about)
    args = parser.parse_args(argv)
    if not os.path.isdir(args.folder):
        parser.error(f"FOLDER must be a folder. Received: {args.folder!r}")
    return args


def parse_check_unit(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of `python -m tfresnet.check_unit`."""
    about = (
        "Compares a residual unit or network of your own with ours: shapes, parameters, strides, "
        "outputs for the same weights, gradients. Exit status 0: the same; 1: something differs."
    )
    parser = ArgumentParser("check_unit", about)
    add = parser.add_argument
    about = "Python file that defines a Keras layer, a function that builds one, or a model"
    add("file", type=existing, metavar="FILE.py", help=about)
    about = "what of the file is compared; None: the only thing that it defines"
    add("name", nargs="?", metavar="NAME", help=about)
    about = "basic, bottleneck or a network; None: basic for a unit, resnet18 for a network"
    add("--against", metavar="WHAT", help=about)
    args = parser.parse_args(argv)
    if args.against not in (None, "basic", "bottleneck"):
        _checked(parser, check_model_name, args.against)
    return args


def parse_param_count(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of `python -m tfresnet.param_count`."""
    about = "Counts the parameters and multiply-adds of any of the networks."
    parser = ArgumentParser("param_count", about)
    add = parser.add_argument
    about = "names of networks; without any, ResNet-18, 50 and 101 at 224x224x3 and at 32x32x3"
    add("models", nargs="*", metavar="MODEL", help=about)
    about = "height and width of a picture; None: the network's own"
    add("--input-size", type=_at_least_1, metavar="N", help=about)
    about = "number of classes; None: the network's own"
    add("--num-classes", type=_at_least_1, metavar="N", help=about)
    formats = ("table", "json", "csv", "markdown")
    add("--format", choices=formats, default="table", help="form of the output")
    add("--by-layer", action="store_true", help="add one row a layer")
    about = "check every number that the lecture's slides state; takes --format only"
    add("--slides", action="store_true", help=about)
    args = parser.parse_args(argv)
    if args.slides and (args.models or args.input_size or args.num_classes or args.by_layer):
        parser.error("--slides takes --format only. Received also: another flag or a network")
    for name in args.models:
        _checked(parser, check_model_name, name)
    return args


def parse_experiments(argv: list[str] | None, known: list[str]) -> argparse.Namespace:
    """The flags of `python -m tfresnet.experiments`; `names` are all studies by default."""
    about = "Trains what a claim of the lecture needs, measures, and says whether the claim holds."
    parser = ArgumentParser("experiments", about)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"studies, of {', '.join(known)}; none: all")
    about = "a few steps on shapes10, to try the program; it shows nothing about the claims"
    add("--quick", action="store_true", help=about)
    about = "train nothing: list the runs that are missing and the time they take on this machine"
    add("--plan", action="store_true", help=about)
    about = "stop after so many minutes, with everything saved; the same command goes on"
    add("--minutes", type=_positive, metavar="N", help=about)
    about = "finished runs to study in place of the studies' own, where no training belongs to one"
    add("--runs", type=existing, nargs="+", metavar="RUN", help=about)
    about = "folder of runs, results and figures"
    add("--output-dir", type=path, metavar="DIR", default="logs/experiments", help=about)
    args = parser.parse_args(argv)
    for name in args.names:
        if name not in known:
            parser.error(f"NAME must be one of {', '.join(known)}. Received: {name!r}")
    args.names = args.names or known
    return args


def parse_report(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of `python -m tfresnet.report`."""
    about = (
        "Writes a lab report of finished runs and studies, as Markdown and as one HTML page, with "
        "places for your own words, which a later call keeps."
    )
    parser = ArgumentParser("report", about)
    add = parser.add_argument
    add("--lang", choices=("en", "zh"), default="en", help="language of the report")
    about = "folders of finished runs and of studies; None: all in logs and logs/experiments"
    add("--runs", type=existing, nargs="+", metavar="RUN", help=about)
    about = "folder of report.md and report.html (report.zh.md ...) and their figures"
    add("--output-dir", type=path, metavar="DIR", default="logs/report", help=about)
    return parser.parse_args(argv)


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


def source(text: str) -> str:
    """A `path` of something that is there, or the name of a model that is shipped."""
    if not os.path.exists(path(text)) and pretrained.find(text) is None:
        raise argparse.ArgumentTypeError(
            f"must exist, or be {pretrained.rule()}. Received: {text!r}"
        )
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


def _positive(text):
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 1e6:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number above 0. Received: {text!r}")


def _at_least_1(text):
    with contextlib.suppress(ValueError):
        if int(text) >= 1:
            return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer of at least 1. Received: {text!r}")
