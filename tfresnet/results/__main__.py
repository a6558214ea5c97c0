"""Writes a table of finished runs: `python -m tfresnet.results --help`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    """The flags of `python -m tfresnet.results`."""
    import os

    from tfresnet.system.arguments import ArgumentParser, existing

    about = "Writes a table of the finished CIFAR-10 runs in a folder, as Markdown."
    parser = ArgumentParser("tfresnet.results", about)
    about = "folder of run folders (default: logs)"
    parser.add_argument("folder", type=existing, nargs="?", default="logs", help=about)
    args = parser.parse_args(argv)
    if not os.path.isdir(args.folder):
        parser.error(f"FOLDER must be a folder. Received: {args.folder!r}")
    return args


def main(argv: list[str] | None = None) -> str:
    import os

    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.results.table import table

    folders = sorted(entry.path for entry in os.scandir(args.folder) if entry.is_dir())
    text = table(folders)
    print(text)
    return text


if __name__ == "__main__":
    commands.run(main, "tfresnet.results")
