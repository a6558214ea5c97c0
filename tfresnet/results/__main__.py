"""Prints a table of finished runs: `python -m tfresnet.results --help`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    from tfresnet.system.arguments import ArgumentParser, add_runs, existing

    parser = ArgumentParser(
        "tfresnet.results", "Writes a Markdown table of finished CIFAR-10 runs."
    )
    add_runs(parser, "runs, or folders of them", ["logs"])
    instead = parser.add_mutually_exclusive_group()
    about = "the table of all networks instead: costs, best accuracy and speed of the runs"
    instead.add_argument("--networks", action="store_true", help=about)
    about = "error against depth instead: the paper's Table 6 beside the runs of one recipe"
    instead.add_argument("--depths", action="store_true", help=about)
    about = "compare two sets of runs: run folders or shell patterns, in quotes"
    instead.add_argument("--compare", nargs=2, metavar=("A", "B"), help=about)
    about = "table of trials (docs/trials.csv) to add a line to for each of the runs instead"
    instead.add_argument("--trials", type=existing, metavar="CSV", help=about)
    about = "Markdown page to update, between `results: begin` (`networks:`, `depths:`) and its end"
    parser.add_argument("--into", type=existing, metavar="PAGE", help=about)
    parser.add_argument("--note", default="", metavar="TEXT", help="note of these trials")
    args = parser.parse_args(argv)
    if args.into and (args.compare or args.trials):
        parser.error(f"--into must come without --compare and --trials. Received: {args.into}")
    if args.note and not args.trials:
        parser.error(f"--note must come with --trials. Received: {args.note!r}")
    return args


def main(argv: list[str] | None = None) -> str:
    from pathlib import Path

    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.errors import InputError
    from tfresnet.models import list_models
    from tfresnet.results import depths
    from tfresnet.results.comparison import compare
    from tfresnet.results.networks import networks
    from tfresnet.results.table import table
    from tfresnet.results.trials import append
    from tfresnet.runs.finding import run_folders
    from tfresnet.system import tables

    if args.compare:
        text = compare(*args.compare)
        print(text)
        return text
    page = Path(args.into) if args.into else None
    folders = run_folders(map(Path, args.runs))
    if args.trials:
        return "\n".join(append(Path(args.trials), folders, args.note))
    if args.networks:
        name, text = "networks", networks(list_models(), folders)
    elif args.depths:
        name, text = "depths", depths.table(folders)
    else:
        name, text = "results", table(folders, page.parent if page else Path())
    if not text:
        needed = (
            "two networks of Table 6 by one recipe" if args.depths else "a finished CIFAR-10 run"
        )
        raise InputError(
            f"a table must have {needed} (--runs names other folders). "
            f"Received: none in {', '.join(args.runs)}"
        )
    if page:
        tables.replace_table(page, name, text)
    print(page or text)
    return text


if __name__ == "__main__":
    commands.run(main, "tfresnet.results")
