"""Counts networks: `python -m tfresnet.param_count --help`."""

from tfresnet import scripts


def main(argv: list[str] | None = None) -> None:
    from tfresnet import cli

    args = cli.parse_param_count(argv)
    scripts.load_tensorflow()
    if args.slides:
        from tfresnet import slides

        print(slides.RENDERERS[args.format](slides.check()))
        return
    from tfresnet.param_count import reports

    counted = reports.measure_all(args.models, args.input_size, args.num_classes)
    print(reports.RENDERERS[args.format](counted, args.by_layer))


if __name__ == "__main__":
    scripts.run(main, "param_count")
