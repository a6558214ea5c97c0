"""The flags of evaluate.py, and those of every command that takes a model."""

import argparse
import os

from tfresnet import pretrained
from tfresnet.data import check_dataset_name
from tfresnet.settings.config import PRECISIONS
from tfresnet.settings.model_names import check_model
from tfresnet.settings.pixels import PIXELS, PIXELS_HELP
from tfresnet.settings.values import channels
from tfresnet.system.arguments import (
    ArgumentParser,
    add_trust_code,
    at_least_1,
    check_flag,
    flag,
    output_file,
    path,
)

IMAGE_SIZE = "side of the pictures, with --model (default: the network's own)"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the flags of evaluate.py."""
    parser = ArgumentParser("evaluate.py", "Evaluates a run or a model file on a data set.")
    add = parser.add_argument
    add_source(parser)
    add("--dataset", metavar="NAME", help="data set (default: the run's)")
    add("--data-dir", type=path, metavar="DIR", help="folder of the data (default: the run's)")
    about = "classes to keep, as 0-4 or 0,2,5-7 (default: the run's)"
    add("--classes", metavar="A,B-C", help=about)
    add("--skip-broken", action="store_true", help="skip broken pictures of a folder")
    add("--coarse-labels", action="store_true", help="the 20 groups of cifar100's classes")
    add("--image-size", type=at_least_1, metavar="N", help=IMAGE_SIZE)
    about = "images (default: test, or val if the run is not finished)"
    add("--split", choices=("test", "val", "train"), help=about)
    add("--tta", action="store_true", help="average over each image and its mirror image")
    add("--precision", choices=PRECISIONS, default="auto", help="arithmetic; auto: the run's")
    about = "also write the result to a file; -: to standard output, all else to standard error"
    add("--json", type=output_file, metavar="FILE", help=about)
    args = parser.parse_args(argv)
    if args.dataset is not None:
        check_flag(parser, check_dataset_name, args.dataset)
    check_source(parser, args)
    return args


def add_source(parser):
    """Adds the argument RUN_OR_MODEL and its options."""
    about = "run folder, .keras file or shipped name; with --model, any file of weights"
    parser.add_argument("source", type=source, metavar="RUN_OR_MODEL", help=about)
    add_weights_options(parser)


def add_weights_options(parser):
    add = parser.add_argument
    about = "network of the weights, if the file does not say; or FILE.py[:NAME], your own code"
    add("--model", metavar="NAME", help=about)
    add_trust_code(parser)
    add("--mean", metavar="R,G,B", help="mean of the pixels in 0..1, if the file does not say")
    add("--std", metavar="R,G,B", help="deviation of the pixels; goes with --mean")
    add("--pixels", choices=tuple(PIXELS), help=f"in place of --mean and --std: {PIXELS_HELP}")
    about = "stem of --model (default: as the weights show)"
    add("--stem", choices=("imagenet", "cifar", "cifar_pool"), help=about)
    about = "shortcuts of --model (default: as the weights show)"
    add("--shortcut", choices=("A", "B", "C"), help=about)


def source_options(args: argparse.Namespace) -> dict[str, object]:
    """The flags of `add_weights_options` as arguments of `Source`."""
    names = ("model", "mean", "std", "pixels", "stem", "shortcut", "trust_code")
    return {name: getattr(args, name) for name in names}


def check_source(parser, args):
    for name in ("image_size", "stem", "shortcut"):
        if getattr(args, name, None) and args.model is None:
            parser.error(f"{flag(name)} must come with --model. Received: {getattr(args, name)}")
    if args.pixels and (args.mean or args.std):
        parser.error(f"--pixels must come without --mean and --std. Received: {args.pixels}")
    if args.model is not None:
        check_flag(parser, check_model, args.model)
    for name in ("mean", "std"):
        if getattr(args, name) is not None:
            check_flag(parser, channels, getattr(args, name), name)


def source(text: str) -> str:
    """The path of an existing file or folder, or the name of a shipped model."""
    if not os.path.exists(path(text)) and pretrained.find(text) is None:
        rule = f"must exist, or be {pretrained.rule()}"
        raise argparse.ArgumentTypeError(f"{rule}. Received: {text!r}")
    return path(text)
