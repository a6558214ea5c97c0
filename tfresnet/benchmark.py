"""`python -m tfresnet.benchmark` calls `benchmarks/`, which only a checkout has."""

import sys

from tfresnet.errors import InputError
from tfresnet.system import commands


def main(argv: list[str] | None = None):
    from pathlib import Path

    checkout = Path(__file__).parent.parent
    if not (checkout / "benchmarks" / "contest.py").is_file():
        raise InputError(
            "benchmarks need a checkout of the repository, with benchmarks/ beside the package. "
            f"Received: a package in {checkout}"
        )
    sys.path.insert(0, str(checkout))
    from benchmarks import command

    return command.main(argv)


if __name__ == "__main__":
    commands.run(main, "tfresnet.benchmark")
