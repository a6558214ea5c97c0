"""Writes a lab report: `python -m tfresnet.report --help`."""

from tfresnet import scripts


def main(argv: list[str] | None = None) -> None:
    from tfresnet import cli

    args = cli.parse_report(argv)
    scripts.load_tensorflow()
    from tfresnet.report import command

    for path in command.write(args.runs, args.lang, args.output_dir):
        print(path)


if __name__ == "__main__":
    scripts.run(main, "report")
