"""Writes a table of finished runs: `python -m tfresnet.results --help`."""

from tfresnet import scripts


def main(argv: list[str] | None = None) -> str:
    import os

    from tfresnet import cli

    args = cli.parse_results(argv)
    scripts.load_tensorflow()
    from tfresnet.results.table import table

    folders = sorted(entry.path for entry in os.scandir(args.folder) if entry.is_dir())
    text = table(folders)
    print(text)
    return text


if __name__ == "__main__":
    scripts.run(main, "tfresnet.results")
