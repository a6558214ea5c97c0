"""Trains runs and judges claims: `python -m tfresnet.experiments --help`."""

from tfresnet.system import commands

OUTPUT = "logs/experiments"


def parse(argv: list[str] | None = None):
    """Parses the flags; `names` are all studies by default."""
    from tfresnet.experiments import study_names
    from tfresnet.system.arguments import (
        ArgumentParser,
        at_least_1,
        did_you_mean,
        existing,
        path,
        positive,
    )

    known = study_names()
    about = "Trains the runs that a claim of the lecture needs and judges whether the claim holds."
    parser = ArgumentParser("experiments", about)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"studies to run: {', '.join(known)}; none: all")
    about = "rehearse: small networks, a few steps on shapes10; shows that the program works"
    add("--quick", action="store_true", help=about)
    about = "trainings of each run to compare (default: 3, and all more that are finished)"
    add("--seeds", type=at_least_1, metavar="N", help=about)
    about = "train nothing; judge by the runs that are finished"
    add("--finished", action="store_true", help=about)
    about = "train nothing; list the missing runs and the time they need on this machine"
    add("--plan", action="store_true", help=about)
    about = "stop after N minutes and save everything; the same command continues"
    add("--minutes", type=positive, metavar="N", help=about)
    about = (
        "folders of finished runs to use instead of training (docs/studies/runs); or runs to "
        "measure instead of a study's own, for studies that take any trained network"
    )
    add("--runs", type=existing, nargs="+", metavar="DIR", help=about)
    add("--data-dir", type=path, metavar="DIR", help="folder or archive of CIFAR-10")
    about = f"runs, results and figures (default: {OUTPUT}; with --quick {OUTPUT}/quick)"
    add("--output-dir", type=path, metavar="DIR", help=about)
    args = parser.parse_args(argv)
    for name in args.names:
        if name not in known:
            near = did_you_mean(name, known)
            parser.error(f"NAME must be one of {', '.join(known)}{near or '.'} Received: {name!r}")
    args.names = args.names or known
    args.output_dir = args.output_dir or (f"{OUTPUT}/quick" if args.quick else OUTPUT)
    return args


def main(argv: list[str] | None = None) -> dict[str, dict]:
    """Returns the results of every study that was concluded."""
    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.experiments.engine import command

    return command.run(args)


if __name__ == "__main__":
    commands.run(main, "experiments")
