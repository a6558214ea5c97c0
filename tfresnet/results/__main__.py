"""Writes a table of finished runs: `python -m tfresnet.results --help`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    """The flags of `python -m tfresnet.results`."""
    from tfresnet.system.arguments import ArgumentParser, add_runs, existing

    about = "Writes a table of finished CIFAR-10 runs, as Markdown."
    parser = ArgumentParser("tfresnet.results", about)
    add_runs(parser, "runs, or folders of them", ["logs"])
    about = "Markdown page whose table is replaced, between `results: begin` and `results: end`"
    parser.add_argument("--into", type=existing, metavar="PAGE", help=about)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> str:
    from pathlib import Path

    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.errors import InputError
    from tfresnet.results.table import TITLES, rows
    from tfresnet.runs.finding import run_folders
    from tfresnet.system import tables

    page = Path(args.into) if args.into else None
    found = rows(run_folders(map(Path, args.runs)), page.parent if page else Path())
    if not found:
        raise InputError(
            "a table must have a finished CIFAR-10 run (--runs names others). "
            f"Received: none in {', '.join(args.runs)}"
        )
    text = tables.markdown(TITLES, found)
    if page:
        tables.put_into(page, "results", text)
    print(page or text)
    return text


if __name__ == "__main__":
    commands.run(main, "tfresnet.results")
