"""Counts networks: `python -m tfresnet.param_count --help`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    """The flags of `python -m tfresnet.param_count`."""
    from tfresnet.settings.model_names import check_model_name
    from tfresnet.system.arguments import ArgumentParser, at_least_1, check_flag

    parser = ArgumentParser("param_count", "Counts the parameters and multiply-adds of networks.")
    add = parser.add_argument
    about = "networks; default: resnet18, resnet50 and resnet101 at 224x224x3 and at 32x32x3"
    add("models", nargs="*", metavar="MODEL", help=about)
    about = "height and width of the image (default: the network's own)"
    add("--input-size", type=at_least_1, metavar="N", help=about)
    about = "number of classes (default: the network's own)"
    add("--num-classes", type=at_least_1, metavar="N", help=about)
    about = "shortcuts of residual networks: with A they have no more parameters than plain ones"
    add("--shortcut", choices=("A", "B", "C"), help=about + "; default: the network's own")
    formats = ("table", "json", "csv", "markdown")
    add("--format", choices=formats, default="table", help="output format")
    add("--by-layer", action="store_true", help="add one row per layer")
    about = "check the slides' numbers about networks; combines with --format only"
    add("--slides", action="store_true", help=about)
    args = parser.parse_args(argv)
    others = (args.models, args.input_size, args.num_classes, args.by_layer, args.shortcut)
    if args.slides and any(others):
        parser.error(
            "--slides must stand alone or with --format. Received also: another flag or a network"
        )
    for name in args.models:
        check_flag(parser, check_model_name, name)
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    commands.load_tensorflow()
    if args.slides:
        from tfresnet import slides

        print(slides.RENDERERS[args.format](slides.check()))
        return
    from tfresnet.param_count import reports

    options = {"shortcut": args.shortcut} if args.shortcut else {}
    counted = reports.measure_all(args.models, args.input_size, args.num_classes, **options)
    print(reports.RENDERERS[args.format](counted, args.by_layer))


if __name__ == "__main__":
    commands.run(main, "param_count")
