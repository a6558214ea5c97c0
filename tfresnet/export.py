"""A trained network for other programs: `python -m tfresnet.export RUN_OR_MODEL --format ...`."""

from tfresnet import scripts


def main(argv: list[str] | None = None):
    from tfresnet import cli

    args = cli.parse_export(argv)
    scripts.load_tensorflow()
    from tfresnet.predict.classifier import load
    from tfresnet.predict.exported import export

    options = {"model": args.model, "mean": args.mean, "std": args.std}
    classifier = load(args.source, image_size=args.image_size, **options)
    print(export(classifier, args.format, args.output))


if __name__ == "__main__":
    scripts.run(main, "tfresnet.export")
