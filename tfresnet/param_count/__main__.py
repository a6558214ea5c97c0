"""Counts networks: `python -m tfresnet.param_count --help`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    """The flags of `python -m tfresnet.param_count`."""
    from tfresnet.settings.model_names import check_model_name
    from tfresnet.system.arguments import ArgumentParser, at_least_1, check_flag

    about = "Counts the parameters and multiply-adds of any of the networks."
    parser = ArgumentParser("param_count", about)
    add = parser.add_argument
    about = "names of networks; without any, ResNet-18, 50 and 101 at 224x224x3 and at 32x32x3"
    add("models", nargs="*", metavar="MODEL", help=about)
    about = "height and width of a picture; None: the network's own"
    add("--input-size", type=at_least_1, metavar="N", help=about)
    about = "number of classes; None: the network's own"
    add("--num-classes", type=at_least_1, metavar="N", help=about)
    formats = ("table", "json", "csv", "markdown")
    add("--format", choices=formats, default="table", help="form of the output")
    add("--by-layer", action="store_true", help="add one row a layer")
    about = "check every number that the lecture's slides state; takes --format only"
    add("--slides", action="store_true", help=about)
    args = parser.parse_args(argv)
    if args.slides and (args.models or args.input_size or args.num_classes or args.by_layer):
        parser.error("--slides takes --format only. Received also: another flag or a network")
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

    counted = reports.measure_all(args.models, args.input_size, args.num_classes)
    print(reports.RENDERERS[args.format](counted, args.by_layer))


if __name__ == "__main__":
    commands.run(main, "param_count")
