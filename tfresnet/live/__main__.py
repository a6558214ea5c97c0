"""Writes a page with trained networks inside: `python -m tfresnet.live RUN_OR_MODEL...`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    from tfresnet.system.arguments import ArgumentParser, existing, output_file

    about = (
        "Writes one HTML page, which needs no server and no network: trained networks classify "
        "pictures in the browser, and their units and shortcuts can be switched off."
    )
    parser = ArgumentParser("tfresnet.live", about)
    add = parser.add_argument
    about = "runs, .keras files or shipped names of small networks, as resnet20 and plain20"
    add("models", nargs="+", metavar="RUN_OR_MODEL", help=about)
    about = "pictures to choose from (default: those of shapes10, for a network of that)"
    add("--pictures", nargs="+", type=existing, metavar="FILE", default=[], help=about)
    add("--output", type=output_file, metavar="FILE.html", default="live.html", help="the page")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.live import page

    print(page.write(args.models, args.pictures, args.output))


if __name__ == "__main__":
    commands.run(main, "tfresnet.live")
