"""Writes a lab report: `python -m tfresnet.report --help`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    from tfresnet.system.arguments import ArgumentParser, add_own_code, add_runs, path

    about = (
        "Writes a lab report of finished runs and studies as Markdown and as one HTML page. It has "
        "places for your own words; a later call keeps them."
    )
    parser = ArgumentParser("report", about)
    add = parser.add_argument
    add("--lang", choices=("en", "zh"), default="en", help="language of the report")
    add_runs(parser, "runs and studies, or folders of them", ["logs", "logs/experiments"])
    about = "folder for report.md and report.html (report.zh.md ...) and their figures"
    add("--output-dir", type=path, metavar="DIR", default="logs/report", help=about)
    add_own_code(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.report import command

    code = {"given": args.model, "trusted": args.trust_code}
    for file in command.write(args.runs, args.lang, args.output_dir, **code):
        print(file)


if __name__ == "__main__":
    commands.run(main, "report")
