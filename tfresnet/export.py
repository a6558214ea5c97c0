"""Exports a trained network: `python -m tfresnet.export RUN_OR_MODEL --format ...`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    from tfresnet.evaluation.flags import IMAGE_SIZE, add_source, check_source
    from tfresnet.system.arguments import ArgumentParser, at_least_1, path

    about = "Writes a trained network in another format and compares the outputs of both."
    parser = ArgumentParser("tfresnet.export", about)
    add_source(parser)
    add = parser.add_argument
    add("--image-size", type=at_least_1, metavar="N", help=IMAGE_SIZE)
    formats = ("saved_model", "tflite", "onnx")
    add("--format", choices=formats, default="saved_model", help="format of the output")
    about = "new file, or new folder for saved_model (default: model.FORMAT in this folder)"
    add("--output", type=path, metavar="PATH", help=about)
    args = parser.parse_args(argv)
    check_source(parser, args)
    args.output = args.output or f"model.{args.format}"
    return args


def main(argv: list[str] | None = None):
    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.evaluation.flags import source_options
    from tfresnet.predict.classifier import load
    from tfresnet.predict.exported import export

    classifier = load(args.source, image_size=args.image_size, **source_options(args))
    print(export(classifier, args.format, args.output))


if __name__ == "__main__":
    commands.run(main, "tfresnet.export")
