"""Classifies pictures: `python -m tfresnet.predict RUN_OR_MODEL IMAGE...`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    from tfresnet import pretrained
    from tfresnet.evaluation.flags import IMAGE_SIZE, add_weights_options, check_source
    from tfresnet.system.arguments import ArgumentParser, at_least_1, output_file, path

    parser = ArgumentParser("tfresnet.predict", "Classifies pictures.")
    add = parser.add_argument
    about = "the run or model, unless the shipped one is meant, then picture files and folders"
    add("images", nargs="+", type=path, metavar="[RUN_OR_MODEL] IMAGE", help=about)
    add_weights_options(parser)
    add("--image-size", type=at_least_1, metavar="N", help=IMAGE_SIZE)
    add("--top", type=at_least_1, default=5, metavar="K", help="number of classes to print")
    add("--json", action="store_true", help="print JSON")
    about = "write the picture and, beside it, the class activation map of its first class"
    add("--cam", type=output_file, metavar="FILE", help=about)
    args = parser.parse_args(argv)
    check_source(parser, args)

    first = args.images[0]
    args.source = args.images.pop(0) if _is_model(args) else None
    if not args.images:
        parser.error(f"pictures must come after the run or model. Received: {first!r} alone")
    if not args.source and pretrained.default() is None:
        parser.error(f"a run or a model must come before pictures. Received: {first!r}")
    return args


def _is_model(args):
    """Whether the first argument is no picture: a run, a shipped name, or a file of weights."""
    from pathlib import Path

    from tfresnet import pretrained
    from tfresnet.data.places import PICTURES
    from tfresnet.runs.finding import is_run

    place = Path(args.images[0])
    if place.is_dir():
        return is_run(place) or args.model is not None
    if not place.exists() and pretrained.find(args.images[0]):
        return True
    suffix = place.suffix.lower()
    is_alone = len(args.images) == 1 and args.model is None
    return suffix == ".keras" if is_alone else suffix not in PICTURES


def main(argv: list[str] | None = None):
    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.predict.command import predict

    return predict(args)


if __name__ == "__main__":
    commands.run(main, "tfresnet.predict")
