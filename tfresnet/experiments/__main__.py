"""Trains, measures and judges: `python -m tfresnet.experiments --help`."""

from tfresnet.system import commands


def parse(argv: list[str] | None = None):
    """The flags of `python -m tfresnet.experiments`; `names` are all studies by default."""
    from tfresnet.experiments import study_names
    from tfresnet.system.arguments import ArgumentParser, existing, path, positive

    known = study_names()
    about = "Trains what a claim of the lecture needs, measures, and says whether the claim holds."
    parser = ArgumentParser("experiments", about)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"studies, of {', '.join(known)}; none: all")
    about = "a few steps on shapes10, to try the program; it shows nothing about the claims"
    add("--quick", action="store_true", help=about)
    about = "train nothing: list the runs that are missing and the time they take on this machine"
    add("--plan", action="store_true", help=about)
    about = "stop after so many minutes, with everything saved; the same command goes on"
    add("--minutes", type=positive, metavar="N", help=about)
    about = (
        "folders of finished runs, which are not trained again (docs/studies/runs); or runs to "
        "study in place of the studies' own, where no training belongs to one"
    )
    add("--runs", type=existing, nargs="+", metavar="DIR", help=about)
    add("--data-dir", type=path, metavar="DIR", help="folder or archive of CIFAR-10")
    about = "folder of runs, results and figures"
    add("--output-dir", type=path, metavar="DIR", default="logs/experiments", help=about)
    args = parser.parse_args(argv)
    for name in args.names:
        if name not in known:
            parser.error(f"NAME must be one of {', '.join(known)}. Received: {name!r}")
    args.names = args.names or known
    return args


def main(argv: list[str] | None = None) -> dict[str, dict]:
    """Returns the results of every study that could be concluded."""
    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.experiments.engine import command

    return command.run(args)


if __name__ == "__main__":
    commands.run(main, "experiments")
