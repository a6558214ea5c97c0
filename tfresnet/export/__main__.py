"""Exports a trained network: `python -m tfresnet.export RUN_OR_MODEL --format ...`."""

from tfresnet.system import commands

FOLDERS = ("saved_model", "hub")
FORMATS = (*FOLDERS, "tflite", "onnx", "safetensors")


def parse(argv: list[str] | None = None):
    from tfresnet.evaluation.flags import IMAGE_SIZE, add_source, check_source
    from tfresnet.system.arguments import ArgumentParser, at_least_1, path

    about = "Writes a trained network in another format and compares it with the original."
    parser = ArgumentParser("tfresnet.export", about)
    add_source(parser)
    add = parser.add_argument
    add("--image-size", type=at_least_1, metavar="N", help=IMAGE_SIZE)
    add("--format", choices=FORMATS, default="saved_model", help="format of the output")
    add("--int8", action="store_true", help="weights and activations of tflite as 8-bit integers")
    add("--int8-io", action="store_true", help="with --int8: also the input and the output")
    about = "data set that --int8 calibrates and measures with (default: the run's)"
    add("--dataset", metavar="NAME", help=about)
    add("--data-dir", type=path, metavar="DIR", help="folder of the data (default: the run's)")
    add("--license", default="mit", help="of the weights, for the card of --format hub")
    about = "new file, or folder for saved_model and hub (default: model.FORMAT in this folder)"
    add("--output", type=path, metavar="PATH", help=about)
    args = parser.parse_args(argv)
    check_source(parser, args)
    if args.int8 and args.format != "tflite":
        parser.error(f"--int8 must come with --format tflite. Received: {args.format}")
    if args.int8_io and not args.int8:
        parser.error("--int8-io must come with --int8. Received: no --int8")
    _check_output(parser, args)
    return args


def _check_output(parser, args):
    import os

    args.output = args.output or f"model.{args.format}"
    card = [f"{os.path.splitext(args.output)[0]}.md"] if args.int8 else []
    for file in [args.output, *card]:
        if os.path.lexists(file):
            parser.error(f"--output must not exist yet. Received: {file}")
    if args.format not in FOLDERS and not args.output.endswith(f".{args.format}"):
        parser.error(f"--output must end in .{args.format}. Received: {args.output}")


def main(argv: list[str] | None = None):
    args = parse(argv)
    commands.load_tensorflow()
    print(_export(args))


def _export(args):
    """Writes the output and returns a line about it."""
    if args.format == "hub":
        from tfresnet.export.hub import export_folder

        return export_folder(args.source, args.output, args.license)
    from tfresnet.evaluation.flags import source_options
    from tfresnet.predict.classifier import Classifier
    from tfresnet.runs.source import Source

    options = source_options(args)
    source = Source(args.source, options.pop("model"), **options)
    classifier = Classifier(source.pixel_model(args.image_size))
    if args.int8:
        from tfresnet.export.integers import export_integers

        data = source.dataset(args.dataset, args.data_dir)
        return export_integers(classifier, data, args.output, whole=args.int8_io)
    if args.format == "safetensors":
        from tfresnet.export.pytorch import export_weights

        return export_weights(classifier.model, args.output)
    from tfresnet.export.converted import export

    return export(classifier, args.format, args.output)


if __name__ == "__main__":
    commands.run(main, "tfresnet.export")
