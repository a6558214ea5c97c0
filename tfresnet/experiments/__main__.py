"""Trains, measures and judges: `python -m tfresnet.experiments --help`."""

from tfresnet import scripts


def main(argv: list[str] | None = None) -> dict[str, dict]:
    """Returns the results of every study that could be concluded."""
    from tfresnet.cli import parse_experiments
    from tfresnet.experiments import study_names

    args = parse_experiments(argv, study_names())
    scripts.load_tensorflow()
    from tfresnet.experiments.engine import command

    return command.run(args)


if __name__ == "__main__":
    scripts.run(main, "experiments")
