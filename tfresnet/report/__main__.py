"""Writes a lab report: `python -m tfresnet.report --help`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    from tfresnet.system import arguments
    from tfresnet.system.arguments import existing, output_file, path

    about = (
        "Writes a lab report of finished runs and studies as Markdown and as one HTML page. It has "
        "places for your own words; a later call keeps them."
    )
    parser = arguments.ArgumentParser("report", about)
    add = parser.add_argument
    add("--lang", choices=("en", "zh"), default="en", help="language of the report")
    about = "runs and studies, or folders of them (default: what was finished last)"
    arguments.add_runs(parser, about)
    about = "folder for report.md and report.html (report.zh.md ...) and their figures"
    add("--output-dir", type=path, metavar="DIR", default="logs/report", help=about)
    about = "Markdown file of your own words, below the titles of the report's sections"
    add("--words", type=existing, metavar="FILE", help=about)
    about = "also pack the report and its runs, without checkpoints, to be handed in"
    add("--hand-in", type=output_file, metavar="FILE.zip", help=about)
    arguments.add_own_code(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.report import command

    code = {"given": args.model, "trusted": args.trust_code}
    files = {"words": args.words, "archive": args.hand_in}
    for file in command.write(args.runs, args.lang, args.output_dir, **files, **code):
        print(file)


if __name__ == "__main__":
    commands.run(main, "report")
